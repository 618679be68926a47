/**
 * Load: clients with keep-alive connections that ask again as soon as they are answered, and note every answer.
 *
 * A connection that breaks is an answer too, of status 0: nothing is tried a second time.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { Pool, type Dispatcher } from 'undici'

/** One request; `kind` tells the answers apart. */
export interface Ask {
  readonly kind: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly kind: string
  /** `performance.now()` of the request. */
  readonly at: number
  /** Milliseconds to the last byte. */
  readonly ms: number
  /** 0 when the connection broke; `text` tells how. */
  readonly status: number
  /** Code of a refusal. */
  readonly code: string | undefined
  readonly retryAfter: string | undefined
  readonly text: string
}

export interface LoadOptions {
  readonly connections: number
  /** Milliseconds that each connection rests between requests; none unless told. */
  readonly gap?: number
  /** Requests in all; as many as there are until `stop` unless told. */
  readonly count?: number
}

export interface Load {
  /** All answers so far, in the order of their ends. */
  readonly answers: readonly Answer[]
  /** Resolves when `count` is reached, or after `stop`. */
  readonly done: Promise<readonly Answer[]>
  /** Sends nothing more and waits for the answers that are owed. */
  stop(): Promise<readonly Answer[]>
}

/**
 * Starts a load.
 *
 * @param next what the request of a number is, from 0 on
 */
export function startLoad(url: string, next: (turn: number) => Ask, options: LoadOptions): Load {
  const { connections, gap = 0, count = Infinity } = options
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 20_000, bodyTimeout: 20_000 })
  const answers: Answer[] = []
  const plan = { turn: 0, count }

  const client = async () => {
    while (plan.turn < plan.count) {
      answers.push(await exchange(pool, next(plan.turn++)))
      if (gap > 0) await sleep(gap)
    }
  }
  const done = Promise.all(Array.from({ length: Math.min(connections, count) }, client)).then(async () => {
    await pool.close()
    return answers
  })
  return {
    answers,
    done,
    stop() {
      plan.count = 0
      return done
    },
  }
}

/** Asks once; a connection that breaks is an answer of status 0. */
export async function exchange(pool: Dispatcher, { kind, path, headers = {} }: Ask): Promise<Answer> {
  const at = performance.now()
  try {
    const response = await pool.request({ method: 'GET', path, headers: { ...headers } })
    const text = await response.body.text()
    const refusal = response.headers['content-type'] === 'application/problem+json'
    return {
      kind,
      at,
      ms: performance.now() - at,
      status: response.statusCode,
      code: refusal ? (JSON.parse(text) as { code: string }).code : undefined,
      retryAfter: response.headers['retry-after']?.toString(),
      text,
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return { kind, at, ms: performance.now() - at, status: 0, code: undefined, retryAfter: undefined, text }
  }
}

/** How often each kind was answered how: `{ 'claims 200': 70, 'session 503 store_unavailable': 15 }`. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind, status, code } of answers) {
    const name = [kind, status, code].filter((part) => part !== undefined).join(' ')
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** The longest wait among answers, milliseconds. */
export function longest(answers: readonly Answer[]): number {
  return answers.reduce((most, { ms }) => Math.max(most, ms), 0)
}

const WRK = '/usr/bin/wrk'

export interface Totals {
  readonly requests: number
  /** Broken connections, timeouts, and answers other than 2xx or 3xx. */
  readonly failed: number
}

/** Asks for one thing as fast as it is answered, on many connections: by `wrk` where there is one, else by ourselves. */
export function startFlood(url: string, ask: Omit<Ask, 'kind'>, connections: number): { stop(): Promise<Totals> } {
  return existsSync(WRK) ? floodByWrk(url, ask, connections) : floodByUs(url, ask, connections)
}

function floodByUs(url: string, ask: Omit<Ask, 'kind'>, connections: number) {
  const load = startLoad(url, () => ({ kind: 'flood', ...ask }), { connections })
  return {
    async stop() {
      const answers = await load.stop()
      const failed = answers.filter(({ status }) => status < 200 || status > 399)
      return { requests: answers.length, failed: failed.length }
    },
  }
}

function floodByWrk(url: string, { path, headers = {} }: Omit<Ask, 'kind'>, connections: number) {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const args = ['-t1', `-c${connections}`, '-d120s', '--timeout', '10s', ...fields, url + path]
  const child = spawn(WRK, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const killed = () => void child.kill('SIGKILL')
  process.once('exit', killed)
  let report = ''
  child.stdout.on('data', (chunk: Buffer) => (report += chunk.toString()))
  const ended = new Promise((resolve) => child.once('close', resolve)).finally(() => process.off('exit', killed))
  return {
    async stop() {
      child.kill('SIGINT') // wrk ends with its report
      await ended
      return readReport(report)
    },
  }
}

function readReport(report: string): Totals {
  const number = (pattern: RegExp) => Number(pattern.exec(report)?.[1] ?? 0)
  const requests = number(/(\d+) requests in/)
  if (requests === 0) throw new Error(`wrk did nothing:\n${report}`)
  const broken = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report)?.slice(1) ?? []
  const failed = broken.reduce((sum, text) => sum + Number(text), number(/Non-2xx or 3xx responses: (\d+)/))
  return { requests, failed }
}
