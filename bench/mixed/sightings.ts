/**
 * Sightings: which layer answered each request's credential, as the gateways' access lines tell.
 *
 * @module
 */
import type { LogLine } from '../../test/support/gateway.ts'

export const layers = ['l1', 'l2', 'source'] as const
export type Layer = (typeof layers)[number]

/** How often each layer answered. */
export type Layers = Record<Layer, number>

/** Authenticators of the file. */
export type Authenticator = 'acme' | 'login' | 'keys'

export interface Seen {
  readonly acme: Layers
  readonly login: Layers
  readonly keys: Layers
  /** Of verified tokens: the share found in memory in each second; undefined where none was asked for. */
  readonly hits: readonly (number | undefined)[]
}

export interface Sightings {
  /** Takes a log line; true when it is to be kept. */
  readonly keep: (line: LogLine) => boolean
  /** Forgets what was seen and counts from now on. */
  begin(): void
  seen(): Seen
}

/** Begins to count. */
export function newSightings(): Sightings {
  let counts = newCounts()
  let began = Date.now()
  let bySecond: Layers[] = []

  const isAuthenticator = (name: unknown): name is Authenticator => typeof name === 'string' && name in counts
  const isLayer = (name: unknown): name is Layer => layers.some((layer) => layer === name)
  const count = ({ authenticator, cache, status, time }: LogLine) => {
    if (status !== 200 || !isAuthenticator(authenticator) || !isLayer(cache)) return
    const second = Math.floor((Number(time) - began) / 1000)
    if (second < 0) return
    counts[authenticator][cache] += 1
    if (authenticator === 'acme') (bySecond[second] ??= newLayers())[cache] += 1
  }
  return {
    keep(line) {
      if (line['msg'] !== 'request') return true
      count(line)
      return false
    },
    begin() {
      counts = newCounts()
      bySecond = []
      began = Date.now()
    },
    seen: () => ({
      ...structuredClone(counts),
      hits: Array.from(bySecond, (one: Layers | undefined) => one && shareOf(one, 'l1')),
    }),
  }
}

/** The share of answers that came from a layer. */
export function shareOf(counts: Layers, layer: Layer): number {
  return counts[layer] / (counts.l1 + counts.l2 + counts.source)
}

function newLayers(): Layers {
  return { l1: 0, l2: 0, source: 0 }
}

function newCounts(): Record<Authenticator, Layers> {
  return { acme: newLayers(), login: newLayers(), keys: newLayers() }
}
