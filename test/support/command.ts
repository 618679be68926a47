/**
 * The command line as a process: `src/main.ts` with arguments, in a folder, with an environment.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

import { until } from './wire.ts'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')

/** Where and with what a command runs; variables are laid over our own. */
export interface Surroundings {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** How a command ended. */
export interface Ran {
  /** Null after a signal. */
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Running {
  readonly child: ChildProcess
  /** What it printed so far, on standard output and standard error. */
  readonly out: () => string
  readonly err: () => string
  /** Resolves when it has ended by itself or by a signal. */
  readonly ended: Promise<Ran>
  /** Waits until standard output holds a text; fails when the command ends before. */
  printed(text: string, deadline?: number): Promise<void>
  /** Sends a signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<Ran>
}

/** Starts a command; it does not outlive the tests. */
export function launch(args: readonly string[], { cwd, env }: Surroundings = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  let out = ''
  let err = ''
  let over = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const ended = once(child, 'close').then(([code]: unknown[]) => {
    process.off('exit', kill)
    over = true
    return { code: typeof code === 'number' ? code : null, out, err }
  })
  return {
    child,
    out: () => out,
    err: () => err,
    ended,
    async printed(text, deadline = 20_000) {
      await until(() => over || out.includes(text), `${JSON.stringify(text)} from ${args.join(' ')}`, deadline)
      if (!out.includes(text)) throw new Error(`${args.join(' ')} ended without ${JSON.stringify(text)}\n${err}`)
    },
    end(signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    },
  }
}

/** Runs a command to its end. */
export function heimdall(args: readonly string[], surroundings?: Surroundings): Promise<Ran> {
  return launch(args, surroundings).ended
}
