/**
 * A gateway under test: `heimdall serve` as a process of its own, on free ports, with a file of the test's.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

import { request } from 'undici'

import { DEFECT } from '#cli/gateway/defects.ts'

import { FLAGS } from './flags.ts'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')
const START_DEADLINE = 20_000

export type LogLine = Readonly<Record<string, unknown>>

export interface ServeOptions {
  /** Further files of the file's folder, by name. */
  readonly files?: Readonly<Record<string, string>>
  readonly env?: NodeJS.ProcessEnv
  /** Further flags of Node. */
  readonly flags?: readonly string[]
  /** Which log lines to keep, all unless told: a million of them would fill this process. */
  readonly keep?: (line: LogLine) => boolean
}

export interface TestGateway {
  /** `http://127.0.0.1:PORT` of the listener. */
  readonly url: string
  readonly port: number
  /** `http://127.0.0.1:PORT` of the probes. */
  readonly probes: string
  readonly child: ChildProcess
  readonly pid: number
  /** The folder of the file; relative paths in it start here. */
  readonly folder: string
  /** Every log line so far. */
  readonly lines: readonly LogLine[]
  /** What it wrote to standard error so far. */
  readonly errors: () => string
  /** Waits for a log line, also one that was written already. */
  line(matches: (line: LogLine) => boolean, deadline?: number): Promise<LogLine>
  /** Writes the file anew; the gateway notices by itself. */
  rewrite(yaml: string): void
  /** Text of `/metrics`. */
  metrics(): Promise<string>
  /** Sends a signal and waits for the end; the exit code, or null after a signal. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** No run of a gateway may meet an uncaught error, whatever its test was about. */
function assertNoDefect(code: number | null, lines: readonly LogLine[], stderr: string): void {
  const uncaught = lines.find(({ msg }) => msg === 'uncaught error: the process ends')
  if (uncaught !== undefined || code === DEFECT)
    throw new Error(`a defect ended the gateway: ${JSON.stringify(uncaught)}`)
  const trace = /^\s+at .*\(?(?:file|node):/m
  if (trace.test(stderr)) throw new Error(`the gateway wrote a stack trace to standard error:\n${stderr}`)
}

/**
 * Starts `heimdall serve`. The file must say `listen: 127.0.0.1:0` and `probes: 127.0.0.1:0`.
 */
export async function serve(yaml: string, options: ServeOptions = {}): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-'))
  const path = join(folder, 'heimdall.yaml')
  writeFileSync(path, yaml)
  for (const [name, content] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), content)
  const child = spawn(process.execPath, [...FLAGS, ...(options.flags ?? []), MAIN, 'serve', '--config', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const exited = once(child, 'exit').finally(() => {
    process.off('exit', kill)
    rmSync(folder, { recursive: true, force: true })
  })
  const lines: LogLine[] = []
  const waiting = new Set<() => void>()
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as LogLine
    if (options.keep?.(line) === false) return
    lines.push(line)
    for (const look of waiting) look()
  })

  const line: TestGateway['line'] = (matches, deadline = 5000) => {
    const { promise, resolve: found, reject } = Promise.withResolvers<LogLine>()
    const timer = setTimeout(() => reject(new Error(`no such log line within ${deadline} ms\n${stderr}`)), deadline)
    const look = () => {
      const match = lines.find(matches)
      if (match !== undefined) found(match)
    }
    waiting.add(look)
    look()
    void exited.then(() => reject(new Error(`the gateway ended\n${stderr}`)))
    return promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(look)
    })
  }

  const started = await line(({ msg }) => msg === 'gateway started', START_DEADLINE).catch((error: unknown) => {
    kill()
    throw error
  })
  const { port } = started['listen'] as { port: number }
  const probes = `http://127.0.0.1:${(started['probes'] as { port: number }).port}`
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    probes,
    child,
    pid: child.pid ?? -1,
    folder,
    lines,
    errors: () => stderr,
    line,
    rewrite: (text) => writeFileSync(path, text),
    metrics: async () => (await request(`${probes}/metrics`)).body.text(),
    async end(signal = 'SIGTERM') {
      child.kill(signal)
      const [code] = (await exited) as [number | null]
      assertNoDefect(code, lines, stderr)
      return code
    },
  }
}
