/**
 * The memory of the container the process runs in, as the system counts it against the limit: with what the kernel holds
 * for sockets, without pages of files, which it takes back when it needs them.
 *
 * Control groups, version 2 or 1; inside a container its own group is the root of what it sees.
 *
 * @module
 */
import { readFileSync } from 'node:fs'

interface Version {
  /** The group's path in /proc/self/cgroup. */
  readonly path: RegExp
  readonly root: string
  readonly usage: string
  readonly fileBacked: RegExp
}

const versions: readonly Version[] = [
  {
    path: /^0::(\/.*)$/m,
    root: '/sys/fs/cgroup',
    usage: 'memory.current',
    fileBacked: /^(?:in)?active_file (\d+)$/gm,
  },
  {
    path: /^\d+:memory:(\/.*)$/m,
    root: '/sys/fs/cgroup/memory',
    usage: 'memory.usage_in_bytes',
    fileBacked: /^total_(?:in)?active_file (\d+)$/gm,
  },
]

/**
 * Finds out how to read the container's memory.
 *
 * @returns a function that answers in bytes, or undefined where there is no such group
 */
export function containerUsage(): (() => number) | undefined {
  const groups = read('/proc/self/cgroup')
  for (const { path, root, usage, fileBacked } of versions) {
    const [, group] = path.exec(groups) ?? []
    for (const folder of group === undefined ? [] : [root + group, root]) {
      if (read(`${folder}/${usage}`) === '') continue
      return () => {
        let used = Number(read(`${folder}/${usage}`))
        for (const [, bytes] of read(`${folder}/memory.stat`).matchAll(fileBacked)) used -= Number(bytes)
        return used
      }
    }
  }
  return undefined
}

/** Empty for what is not there. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
