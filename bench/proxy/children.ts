/**
 * The programs of a run: each on the core that is meant for it, none of them left behind.
 *
 * Proxies have a core of their own. Load, upstream, stores and whoever reads the logs share another one, or two where there are four.
 *
 * @module
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { kill, signal } from '../../test/support/processes.ts'
import { treeOf } from '../usage.ts'

const run = promisify(execFile)

export type Command = readonly [program: string, ...args: string[]]

/**
 * `workers` is where a proxy of several processes runs, `anywhere` where one may that is not to be short of cores;
 * `everywhere` is the whole machine.
 */
export type Place = 'proxy' | 'workers' | 'load' | 'anywhere' | 'everywhere'

const cores = availableParallelism()
const everywhere = cores > 1 ? `0-${cores - 1}` : '0'

/** Cores by place, as taskset takes them. */
export const layout: Readonly<Record<Place, string>> =
  cores >= 4
    ? { proxy: '0', workers: '0,1', load: '2,3', anywhere: '0,1', everywhere }
    : { proxy: '0', workers: '0', load: cores > 1 ? '1' : '0', anywhere: everywhere, everywhere }

export interface Children {
  /** Starts a program; what it writes goes down a pipe to a reader, as the log of a container does. */
  launch(place: Place, command: Command): ChildProcess
  /** Runs a program to its end and returns what it printed. */
  run(place: Place, command: Command, seconds: number): Promise<string>
  /** Stops a program and all below it from running at all, until `resume`. */
  pause(pid: number): void
  resume(pid: number): void
  /** Ends one with all below it. */
  end(child: ChildProcess): Promise<void>
  /** Ends all of them, and lets nobody begin any more. */
  endAll(): Promise<void>
}

/** @param folder where the pipes are made */
export function newChildren(folder: string): Children {
  const all = new Set<ChildProcess>()
  let [pipes, isOver] = [0, false]
  const pinned = (place: Place, command: Command): Command => ['taskset', '-c', layout[place], ...command]
  const assertOpen = () => {
    if (isOver) throw new Error('the run is over')
  }
  const begin = (place: Place, command: Command, out: 'ignore' | number): ChildProcess => {
    const [program, ...args] = pinned(place, command)
    const child = spawn(program, args, { stdio: ['ignore', out, out === 'ignore' ? 'ignore' : 'inherit'] })
    all.add(child)
    child.once('exit', () => all.delete(child))
    return child
  }
  const end = async (child: ChildProcess) => {
    const below = child.pid === undefined || child.exitCode !== null ? [] : treeOf(child.pid).slice(1)
    await kill(child)
    for (const pid of below) signal(pid, 'SIGKILL')
  }
  return {
    launch(place, command) {
      assertOpen()
      pipes += 1
      const pipe = join(folder, `pipe-${pipes}`)
      execFileSync('mkfifo', [pipe])
      begin('load', ['cat', pipe], 'ignore')
      const out = openSync(pipe, 'w')
      const child = begin(place, command, out)
      closeSync(out)
      return child
    },
    async run(place, command, seconds) {
      assertOpen()
      const [program, ...args] = pinned(place, command)
      const running = run(program, args, { timeout: seconds * 1000, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 })
      all.add(running.child)
      try {
        return (await running).stdout
      } finally {
        all.delete(running.child)
      }
    },
    pause: (pid) => treeOf(pid).forEach((one) => signal(one, 'SIGSTOP')),
    resume: (pid) => treeOf(pid).forEach((one) => signal(one, 'SIGCONT')),
    end,
    async endAll() {
      isOver = true
      await Promise.all([...all].map(end))
    },
  }
}
