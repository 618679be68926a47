/**
 * Real servers for tests: found, started on private loopback ports, ended by their own number.
 *
 * @module
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** `skip` for `suite`: false when every program is there, else the reason; missing programs fail in CI. */
export function needs(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !existsSync(program))
  if (missing.length === 0 || process.env['CI'] === 'true') return false
  return `not installed: ${missing.join(', ')}`
}

/** A port that is free and stays so while its server is away: it is below those that the system gives to clients. */
export async function steadyPort(): Promise<number> {
  for (;;) {
    const port = await freePort(randomInt(20_000, 32_000)).catch(() => undefined)
    if (port !== undefined) return port
  }
}

/** A port that was free a moment ago; any unless told. */
export function freePort(wanted = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Waits until a condition holds, asking every few milliseconds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, within = 5000): Promise<void> {
  const end = performance.now() + within
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${within} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Whom to run a program as; ourselves when empty. */
export interface RunAs {
  readonly uid?: number
  readonly gid?: number
}

const running = new Set<ChildProcess>()

function endAll(): void {
  for (const { pid } of running) signal(pid, 'SIGKILL')
}

/** Starts a program whose output is of no interest; it does not outlive the tests. */
export function start(program: string, args: readonly string[], as: RunAs = {}): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore', cwd: '/', ...as })
  if (running.size === 0) process.once('exit', endAll)
  running.add(child)
  child.once('exit', () => {
    running.delete(child)
    if (running.size === 0) process.off('exit', endAll)
  })
  return child
}

/** Ends a child at once and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  signal(child.pid, 'SIGCONT')
  signal(child.pid, 'SIGKILL')
  await gone
}

/** Sends a signal; nothing happens when the process is gone already. */
export function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name)
  } catch {
    // gone
  }
}

/** Numbers of the direct children of a process. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => Number(statOf(candidate)?.[1]) === pid)
}

/** State, parent and more of a process (proc(5)), or undefined. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** True when a process has ended, also when nobody has asked after it yet. */
export function isGone(pid: number): boolean {
  const fields = statOf(pid)
  return fields === undefined || fields[0] === 'Z'
}

/** Runs a program to its end and returns what it printed. */
export function output(program: string, args: readonly string[], as: RunAs = {}): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', ...as })
}
