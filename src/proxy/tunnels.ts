/**
 * Upgraded connections that are open: they end with their credential, and with the process.
 *
 * @module
 */
import type { Duplex } from 'node:stream'

import type { Metrics } from '#telemetry/metrics.ts'

/** Why a tunnel ended. */
export type TunnelEnd = 'expired' | 'client' | 'upstream' | 'drain'

/** The two connections of a tunnel. */
export interface Tunnel {
  readonly client: Duplex
  readonly upstream: Duplex
  /** When the credential ends, in milliseconds since the epoch; absent when it never does. */
  readonly expiresAt: number | undefined
  /** Called once. */
  readonly ended: (end: TunnelEnd) => void
}

export interface Tunnels {
  open(tunnel: Tunnel): void
  /** Closes all of them: the end of a drain. */
  drain(): void
}

const LONGEST_TIMER = 2 ** 31 - 1

/** Makes the register. */
export function createTunnels(metrics: Pick<Metrics, 'tunnels' | 'tunnelsClosed'>, clock: () => number): Tunnels {
  const closers = new Set<(end: TunnelEnd) => void>()

  return {
    open({ client, upstream, expiresAt = Infinity, ended }) {
      let timer: NodeJS.Timeout | undefined
      let first: TunnelEnd | undefined
      const close = (end: TunnelEnd) => {
        if (!closers.delete(close)) return
        clearTimeout(timer)
        metrics.tunnels.dec()
        metrics.tunnelsClosed.inc({ reason: end })
        client.destroy()
        upstream.destroy()
        ended(end)
      }
      const watch = () => {
        const left = expiresAt - clock()
        if (left <= 0) close('expired')
        else if (left !== Infinity) timer = setTimeout(watch, Math.min(left, LONGEST_TIMER)).unref()
      }
      closers.add(close)
      metrics.tunnels.inc()
      const watchSide = (side: Duplex, name: 'client' | 'upstream') => {
        const note = () => {
          first ??= name
        }
        side.once('end', note).once('error', note)
        side.once('close', () => close(first ?? name))
      }
      watchSide(client, 'client')
      watchSide(upstream, 'upstream')
      watch()
    },
    drain() {
      for (const close of closers) close('drain')
    },
  }
}
