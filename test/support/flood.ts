/**
 * A flood of bad credentials, from a thread of its own so that it does not disturb who measures.
 *
 * Requests go out at their rate whatever becomes of them, as long as a connection is free to send one.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { newApiKey, newSession } from '#directory/secrets.ts'

import { segment } from './tokens.ts'

/** What is sent: tokens with a forged signature of a known key, tokens of an unknown key, API keys, sessions; or nothing. */
export type BadKind = 'forged' | 'unknown kid' | 'key' | 'session' | 'none'

export interface FloodOptions {
  readonly port: number
  readonly connections: number
  /** Requests a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly long: number
  readonly kinds: readonly BadKind[]
  /** Of the issuer and its key, for tokens. */
  readonly issuer: string
  readonly kid: string
  /** One client at 127.0.0.66, or another in `X-Forwarded-For` with each request. */
  readonly clients: 'one' | 'many'
}

export interface Flooded {
  /** Answers in all. */
  readonly count: number
  /** Answers a second. */
  readonly rate: number
  /** How often each answer was given: `401 invalid_token`; `0` for a broken connection. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** Floods a gateway; resolves when it is over. */
export async function flood(options: FloodOptions): Promise<Flooded> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  const [flooded] = (await once(worker, 'message')) as [Flooded]
  await worker.terminate()
  return flooded
}

const PATHS: Readonly<Record<BadKind, string>> = {
  forged: '/token',
  'unknown kid': '/token',
  key: '/key',
  session: '/session',
  none: '/key',
}

/** Bytes of the request of a number. */
function requestOf(turn: number, { kinds, issuer, kid, clients }: FloodOptions): string {
  const kind = kinds[turn % kinds.length] ?? 'key'
  const from =
    clients === 'one' ? '' : `X-Forwarded-For: 10.${(turn >> 16) & 255}.${(turn >> 8) & 255}.${turn & 255}\r\n`
  const sent = kind === 'none' ? '' : `${credential(kind, turn, issuer, kid)}\r\n`
  return `GET ${PATHS[kind]} HTTP/1.1\r\nHost: gateway.test\r\n${from}${sent}\r\n`
}

function credential(kind: Exclude<BadKind, 'none'>, turn: number, iss: string, kid: string): string {
  if (kind === 'key') return `X-API-Key: ${newApiKey().value}`
  if (kind === 'session') return `Cookie: heimdall_session=${newSession().value}`
  const head = { alg: 'ES256', typ: 'JWT', kid: kind === 'forged' ? kid : `kid-${turn}` }
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss, sub: 'mallory', aud: 'orders-api', iat: now, exp: now + 300, jti: String(turn) }
  return `Authorization: Bearer ${segment(head)}.${segment(claims)}.${randomBytes(64).toString('base64url')}`
}

/** A connection that sends one request at a time. */
interface Lane {
  socket: Socket
  busy: boolean
  text: string
}

function run(options: FloodOptions): Promise<Flooded> {
  const { port, connections, rate, long, clients } = options
  const outcomes: Record<string, number> = {}
  let [sent, answered, over] = [0, 0, false]

  const note = (outcome: string) => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    answered += 1
  }
  const open = (lane: Lane) => {
    const socket = connect({ port, host: '127.0.0.1', ...(clients === 'one' && { localAddress: '127.0.0.66' }) })
    Object.assign(lane, { socket, busy: false, text: '' })
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      lane.text += chunk.toString('latin1')
      const outcome = outcomeIn(lane.text)
      if (outcome === undefined) return
      note(outcome)
      Object.assign(lane, { busy: false, text: '' })
    })
    socket.on('close', () => {
      if (lane.busy) note('0')
      if (!over) open(lane)
    })
  }
  const lanes = Array.from({ length: connections }, () => {
    const lane = {} as Lane
    open(lane)
    return lane
  })

  const began = performance.now()
  const { promise, resolve } = Promise.withResolvers<Flooded>()
  const timer = setInterval(() => {
    const passed = performance.now() - began
    if (passed >= long + 500) {
      over = true
      clearInterval(timer)
      for (const { socket } of lanes) socket.destroy()
      resolve({ count: answered, rate: Math.round((1000 * answered) / long), outcomes })
    }
    if (passed >= long) return
    const due = Math.min(Math.floor((passed * rate) / 1000), sent + connections)
    for (const lane of lanes) {
      if (sent >= due) return
      if (lane.busy || lane.socket.connecting) continue
      lane.busy = true
      lane.socket.write(requestOf(sent, options))
      sent += 1
    }
    sent = due // what no connection was free for is left out
  }, 2)
  return promise
}

/** Status and code of an answer that is there in full. */
function outcomeIn(text: string): string | undefined {
  const end = text.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  if (end === -1 || length === undefined || text.length < end + 4 + Number(length)) return undefined
  const code = /"code":"(\w+)"/.exec(text)?.[1]
  return [text.slice(9, 12), code].filter((part) => part !== undefined).join(' ')
}

if (!isMainThread) void run(workerData as FloodOptions).then((flooded) => parentPort?.postMessage(flooded, []))
