/**
 * A memory limit for a process that is about to start, as a container has it: a control group of version 1 or 2.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Hierarchy {
  /** Folder of the group this process is in. */
  readonly own: string
  readonly limit: string
}

function hierarchy(): Hierarchy | undefined {
  const groups = readFileSync('/proc/self/cgroup', 'latin1')
  const [, first] = /^\d+:memory:(.*)$/m.exec(groups) ?? []
  const [, second] = /^0::(.*)$/m.exec(groups) ?? []
  const candidates: Hierarchy[] = [
    { own: `/sys/fs/cgroup/memory${first}`, limit: 'memory.limit_in_bytes' },
    { own: `/sys/fs/cgroup${second}`, limit: 'memory.max' },
  ]
  return candidates.find(({ own, limit }) => existsSync(join(own, limit)) && existsSync(join(own, 'cgroup.procs')))
}

/** `skip` for `suite`: false when limits can be set here, else the reason. */
export function noContainer(): string | false {
  const found = hierarchy()
  if (found === undefined) return 'no control group for memory'
  const folder = join(found.own, `heimdall-probe-${process.pid}`)
  try {
    mkdirSync(folder)
    const works = existsSync(join(folder, found.limit))
    rmdirSync(folder)
    return works ? false : 'no memory limit below the own control group'
  } catch {
    return 'control groups cannot be made: not root?'
  }
}

/**
 * Starts something in a container.
 *
 * @param bytes the limit
 * @param start must have started its process by the time it returns
 */
export function contained<T>(bytes: number, start: () => T): { readonly started: T; remove(): void } {
  const found = hierarchy()
  if (found === undefined) throw new Error('no control group for memory')
  const folder = join(found.own, `heimdall-${process.pid}-${performance.now().toFixed(0)}`)
  mkdirSync(folder)
  writeFileSync(join(folder, found.limit), String(bytes))
  const move = (to: string) => writeFileSync(join(to, 'cgroup.procs'), String(process.pid))
  move(folder) // a child starts where its parent is, and V8 looks at the limit first of all
  try {
    return { started: start(), remove: () => rmdirSync(folder) }
  } finally {
    move(found.own)
  }
}
