/**
 * A candidate: who is compared, doing what, under which load.
 *
 * @module
 */
import type { Command, Place } from './children.ts'
import type { Ports } from './files/heimdall.ts'
import type { Program } from './programs.ts'
import type { Running } from './start.ts'
import type { World } from './world.ts'

export const groups = {
  proxies: 'one small answer, all proxies',
  tokens: 'other tokens, known and new',
  stores: 'sessions, API keys, and stores that are away',
  limits: 'limits',
  scale: 'routes, workers, other Node',
  own: "answers of the gateway's own",
  post: 'POST of 10 kB',
  big: 'answer of 1 MB',
  websocket: 'WebSocket messages of 64 bytes there and back',
} as const

export type Group = keyof typeof groups

export type Headers = Readonly<Record<string, string>>

/** One request again and again, by wrk. */
export interface Same {
  readonly kind: 'same'
  readonly path: string
  readonly headers: Headers
  /** Of every answer; 200 unless told. */
  readonly status?: number
  readonly post?: true
  readonly connections?: number
}

/** No request twice: a new list of header values each round, or the same list again. */
export interface Once {
  readonly kind: 'once'
  readonly path: string
  readonly header: 'Authorization' | 'Cookie'
  /** One that is good, and not of the lists. */
  readonly sample: string
  /** Path of a file with a value a line. */
  readonly list: (round: number) => Promise<string>
}

/** WebSocket messages, each sent when the last one has come back. */
export interface Echo {
  readonly kind: 'echo'
  readonly path: string
  readonly headers: Headers
}

export type Traffic = Same | Once | Echo

export interface Candidate {
  /** As `--only` takes it. */
  readonly id: string
  readonly group: Group
  readonly title: string
  /** Part of `--quick`. */
  readonly quick?: true
  /** Measured for latency too. */
  readonly paced?: true
  /** What must be installed. */
  readonly needs?: readonly Program[]
  /** A bad credential, which it must answer with 401; undefined for who checks none. */
  readonly bad?: ((world: World) => Headers) | undefined
  readonly place?: Place
  /** Milliseconds until it serves; 15 s unless told. */
  readonly patience?: number
  /** Why it cannot take part; undefined when it can. */
  missing?(world: World, ports: Ports): Promise<string | undefined> | string | undefined
  /** The command that serves on `ports.listen`, or the port of what serves already. */
  command(world: World, ports: Ports): Command | number | Promise<Command>
  traffic(world: World, plan: Plan): Traffic | Promise<Traffic>
  /** Called once it serves; what it returns is called before each load. */
  ready?(world: World, running: Running): Promise<() => Promise<void>>
}

/** How long and how much. */
export interface Plan {
  readonly rounds: number
  /** Seconds of load before anything counts: until the hot code is compiled. */
  readonly warm: number
  /** Of a round. */
  readonly seconds: number
  /** Requests of a round in which none is sent twice. */
  readonly once: number
  /** Sessions of such a round, which are believed for five seconds. */
  readonly sessions: number
  /** Rounds and seconds of a latency, and its rates. */
  readonly paced: { readonly rounds: number; readonly seconds: number; readonly rates: readonly number[] }
}
