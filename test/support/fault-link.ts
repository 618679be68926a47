/**
 * One connection through a fault proxy: bytes go either way as the rule of the moment says.
 *
 * @module
 */
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { room } from './answers.ts'

/** `up`: towards the server; `down`: towards the client that connected. */
export type Way = 'up' | 'down'

/**
 * What happens to connections. Counts of bytes are per connection and way, from the beginning of the mode on.
 * A mode that alters bytes concerns what the server says, `hang` and `swallow` both ways, unless `way` says otherwise.
 */
export type Mode = { readonly way?: Way } & (
  | { readonly kind: 'pass' }
  /** Nobody listens, and what was open is reset. */
  | { readonly kind: 'refuse' }
  /** Bytes wait, and go on when the mode ends: a network that loses packets for a while, or a stopped process. */
  | { readonly kind: 'hang' }
  /** Connections are accepted and bytes read, and that is all: a black hole. A connection that lost bytes stays lost. */
  | { readonly kind: 'swallow' }
  /** The server's end of what is open is gone and nobody tells the client; new connections pass. */
  | { readonly kind: 'half_open' }
  /** Each piece comes so many milliseconds later, and up to `jitter` more, in order. */
  | { readonly kind: 'delay'; readonly ms: number; readonly jitter?: number }
  /** So many bytes every so many milliseconds. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly every: number }
  /** RST after so many bytes. */
  | { readonly kind: 'reset'; readonly after: number }
  /** FIN after so many bytes. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** Each piece becomes another. */
  | { readonly kind: 'alter'; readonly piece: (original: Buffer) => Buffer | string }
)

/** The mode of the moment, and its end. */
export interface Rule {
  readonly mode: Mode
  readonly over: Promise<void>
  readonly end: () => void
}

export function ruleOf(mode: Mode): Rule {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { mode, over: promise, end: resolve }
}

export interface Link {
  /** RST to both ends. */
  reset(): void
  /** Ends the server's side; the client hears nothing of it, nor of anything later. */
  cutSilently(): void
  /** Says something to the client that the server did not say. */
  inject(bytes: Buffer | string): void
}

const MOST_HELD = 1024 * 1024

/** Joins a client with a server, both of which are open or opening and allow half-open connections. */
export function link(client: Socket, server: Socket, rule: () => Rule, counted: Record<Way, number>): Link {
  const reset = () => {
    client.resetAndDestroy()
    server.resetAndDestroy()
  }
  const lost = { up: false, down: false }
  const carry = (way: Way, from: Socket, to: Socket) => {
    const pass = passage(way, to, { rule, reset, lost })
    let [line, held] = [Promise.resolve(), 0]
    from.on('data', (bytes: Buffer) => {
      counted[way] += bytes.length
      held += bytes.length
      if (held > MOST_HELD) from.pause()
      const arrived = performance.now()
      line = line.then(async () => {
        await pass(bytes, arrived)
        held -= bytes.length
        if (held <= MOST_HELD) from.resume()
      })
    })
    from.on('end', () => {
      line = line.then(() => heldUp(way, rule)).then(() => void (lost[way] ? from.destroy() : to.end()))
    })
  }
  carry('up', client, server)
  carry('down', server, client)
  client.on('error', () => undefined).on('close', () => server.destroy())
  server.on('error', () => lost.down || reset())
  return {
    reset,
    cutSilently() {
      lost.up = lost.down = true
      server.resetAndDestroy()
    },
    inject: (bytes) => void client.write(bytes),
  }
}

interface Passage {
  readonly rule: () => Rule
  readonly reset: () => void
  readonly lost: Record<Way, boolean>
}

/** Takes pieces of one way, one after another. */
function passage(way: Way, to: Socket, { rule, reset, lost }: Passage) {
  let counting: Mode | undefined
  let passed = 0
  const write = async (bytes: Buffer | string) => {
    if (!to.destroyed && to.writable && !to.write(bytes)) await room(to)
  }
  const cut = async (bytes: Buffer, after: number, end: () => void) => {
    await write(bytes.subarray(0, Math.max(0, after - passed)))
    passed += bytes.length
    if (passed >= after) end()
  }
  const finish = () => {
    lost[way] = true
    to.end()
  }

  return async (bytes: Buffer, arrived: number): Promise<void> => {
    const mode = await heldUp(way, rule)
    if (lost[way]) return
    if (mode !== counting) [counting, passed] = [mode, 0]
    if (!concerns(mode, way)) return write(bytes)
    switch (mode.kind) {
      case 'swallow':
        lost[way] = true
        return
      case 'delay':
        await sleep(Math.max(0, arrived + mode.ms + Math.random() * (mode.jitter ?? 0) - performance.now()))
        return write(bytes)
      case 'drip':
        return drip(bytes, mode, { write, isOver: () => rule().mode !== mode })
      case 'reset':
        return cut(bytes, mode.after, reset)
      case 'truncate':
        return cut(bytes, mode.after, finish)
      case 'alter':
        return write(mode.piece(bytes))
      default:
        return write(bytes)
    }
  }
}

/** Waits for the end of a `hang`; the mode after it. */
async function heldUp(way: Way, rule: () => Rule): Promise<Mode> {
  for (let now = rule(); ; now = rule()) {
    if (now.mode.kind !== 'hang' || !concerns(now.mode, way)) return now.mode
    await now.over
  }
}

function concerns({ kind, way }: Mode, asked: Way): boolean {
  if (way !== undefined) return way === asked
  return asked === 'down' || kind === 'hang' || kind === 'swallow'
}

interface Tap {
  readonly write: (bytes: Buffer) => Promise<void>
  readonly isOver: () => boolean
}

/** Drop by drop, and the rest at once when the mode is over. */
async function drip(bytes: Buffer, { bytes: drop, every }: { bytes: number; every: number }, tap: Tap): Promise<void> {
  for (let at = 0; at < bytes.length; at += drop) {
    if (tap.isOver()) return tap.write(bytes.subarray(at))
    await tap.write(bytes.subarray(at, at + drop))
    await sleep(every)
  }
}
