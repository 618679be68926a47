/**
 * A TCP proxy that breaks what goes through it: set between a gateway and a real server, its mode changed while it runs.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

import { link, ruleOf, type Link, type Mode, type Way } from './fault-link.ts'

export interface FaultProxy {
  readonly port: number
  readonly mode: Mode
  /** Most connections at once; more are reset. */
  cap: number
  /** Connections accepted so far, and open now. */
  readonly accepted: number
  readonly open: number
  /** Bytes read so far, whatever came of them. */
  readonly bytes: Readonly<Record<Way, number>>
  /** Changes the mode, of what is open as well. */
  set(mode: Mode): Promise<void>
  /** Later connections go elsewhere; what is open stays. */
  retarget(port: number): void
  /** RST to both ends of everything that is open. */
  reset(): void
  /** Says something to every client that its server did not say. */
  inject(bytes: Buffer | string): void
  close(): Promise<void>
}

/** Starts one on a free port of loopback, in front of another port of it. */
export async function startFaultProxy(target: number): Promise<FaultProxy> {
  const links = new Set<Link>()
  const bytes = { up: 0, down: 0 }
  let [rule, goal, accepted] = [ruleOf({ kind: 'pass' }), target, 0]

  const accept = (client: Socket) => {
    accepted += 1
    if (links.size >= proxy.cap) {
      client.on('error', () => undefined).resetAndDestroy()
      return
    }
    const server = connect({ port: goal, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const made = link(client, server, () => rule, bytes)
    links.add(made)
    client.on('close', () => links.delete(made))
  }
  let server = await listenSomewhere(accept)
  const { port } = server.address() as { port: number }
  const reset = () => links.forEach((one) => one.reset())
  const closed = () => new Promise((resolve) => (server.listening ? server.close(resolve) : resolve(undefined)))

  const proxy: FaultProxy = {
    port,
    cap: Infinity,
    get mode() {
      return rule.mode
    },
    get accepted() {
      return accepted
    },
    get open() {
      return links.size
    },
    bytes,
    async set(mode) {
      const before = rule
      rule = ruleOf(mode)
      before.end()
      if (mode.kind === 'half_open') links.forEach((one) => one.cutSilently())
      if (mode.kind === 'refuse') {
        const gone = closed()
        reset()
        await gone
      } else if (!server.listening) server = await listen(port, accept)
    },
    retarget: (to) => void (goal = to),
    reset,
    inject: (what) => links.forEach((one) => one.inject(what)),
    async close() {
      rule.end()
      const gone = closed()
      reset()
      await gone
    },
  }
  return proxy
}

/** A port below those which the system gives out by itself, so that it is still free after a while of refusing. */
async function listenSomewhere(accept: (client: Socket) => void): Promise<Server> {
  for (;;) {
    const server = await listen(randomInt(20_000, 32_000), accept).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error
    })
    if (server !== undefined) return server
  }
}

async function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
