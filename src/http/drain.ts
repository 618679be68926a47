/**
 * The end of a gateway's life: nobody who follows the rules of HTTP sees a reset.
 *
 *     ready ──begin──▶ draining: readiness fails and every answer ends its connection, while balancers take notice
 *           ──settle─▶ stop listening, close idle connections and tunnels, wait for the requests in flight
 *           ──grace──▶ cut what is left ──▶ closed
 *
 * `server.close()` alone would reset idle keep-alive clients and go on serving the busy ones.
 *
 * @module
 */
import type { Logger } from '#telemetry/log.ts'

import type { Component } from './health.ts'
import type { HttpServer } from './server.ts'

const CUT = 1000 // milliseconds that the end of cut connections may take

export type DrainState = 'ready' | 'draining' | 'closed'

export interface DrainOptions {
  /** The listeners of clients; that of probes stays up to the end and is closed by its owner. */
  readonly servers: readonly Pick<HttpServer, 'lastAnswers' | 'stop' | 'cut'>[]
  /** Milliseconds the whole drain may take. */
  readonly grace: number
  /** Milliseconds between failing readiness and closing the door; at most a fifth of `grace`, and 5 s unless told otherwise. */
  readonly settle?: number
  /** Called when the door closes: for owners of tunnels and timers. */
  readonly onStop?: () => void
  readonly log: Logger
}

export interface Drain {
  readonly state: DrainState
  /** Readiness while alive, unready from the first moment of the drain. */
  readonly component: Component
  /** Begins the drain, or cuts one that is under way: the second signal means now. Resolves when everything is closed. */
  begin(reason: string): Promise<void>
}

/** Makes the drain of a process; nothing happens before `begin`. */
export function createDrain({ servers, grace, onStop, log, ...options }: DrainOptions): Drain {
  const settle = Math.min(options.settle ?? 5000, grace / 5)
  const hurry = new AbortController()
  let state: DrainState = 'ready'
  let running: Promise<void> | undefined

  const run = async (reason: string): Promise<void> => {
    const started = performance.now()
    state = 'draining'
    log.info({ reason, settle_ms: settle, grace_ms: grace }, 'drain begins')
    for (const server of servers) server.lastAnswers()
    await pause(settle, hurry.signal)
    onStop?.()
    const stopped = Promise.all(servers.map((server) => server.stop())).then(() => true)
    const left = grace - (performance.now() - started)
    const clean = await Promise.race([stopped, pause(left, hurry.signal).then(() => false)])
    if (!clean) await cutAll(servers, stopped)
    hurry.abort() // no timer outlives the drain
    state = 'closed'
    log.info({ clean, took_ms: Math.round(performance.now() - started) }, 'drain ends')
  }

  return {
    get state() {
      return state
    },
    component: {
      name: 'drain',
      required: true,
      check: () => ({ status: state === 'ready' ? 'up' : 'down', state }),
    },
    begin(reason) {
      if (running === undefined) running = run(reason)
      else hurry.abort()
      return running
    },
  }
}

/** Cuts what is left, and waits a moment for its end. */
async function cutAll(servers: DrainOptions['servers'], stopped: Promise<unknown>): Promise<void> {
  const enough = new AbortController()
  for (const server of servers) server.cut()
  await Promise.race([stopped, pause(CUT, enough.signal)])
  enough.abort()
}

/** Waits, or less when `signal` says so. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(end, Math.max(0, milliseconds))
    signal.addEventListener('abort', end, { once: true })
  })
}
