/**
 * What is to be reached, and whether it was: each bar with the figure that it is held against.
 *
 * @module
 */
import { elsewhereBars } from './elsewhere.ts'
import { cpuOf, type Measured, type Result } from './result.ts'
import { added, median, ratio } from '../statistics.ts'

export type Unit = '×' | 'µs' | 'ms' | 'MiB' | '%'

export interface Bar {
  readonly what: string
  readonly limit: number
  readonly unit: Unit
  /** The figure is to be above the limit; below it unless told. */
  readonly above?: true
  /** Undefined when it was not measured. */
  readonly figure: (measured: Measured) => number | undefined
}

export interface Verdict {
  readonly what: string
  readonly limit: string
  readonly figure: string
  /** `met by 12 %`, of the bar. */
  readonly verdict: string
}

type Pair = readonly [one: Result, other: Result]

function pairOf({ results }: Measured, one: string, other: string): Pair | undefined {
  const of = (id: string) => results.find((result) => result.id === id)
  const [first, second] = [of(one), of(other)]
  return first === undefined || second === undefined ? undefined : [first, second]
}

const cpuRatio = (one: string, other: string) => (measured: Measured) => {
  const pair = pairOf(measured, one, other)
  return pair && ratio(cpuOf(pair[0]), cpuOf(pair[1]))
}

const cpuAdded = (one: string, other: string) => (measured: Measured) => {
  const pair = pairOf(measured, one, other)
  return pair && added(cpuOf(pair[0]), cpuOf(pair[1]))
}

/** Milliseconds that one makes clients wait longer than the other. */
const waitAdded = (one: string, other: string, rate: number, at: 'p50' | 'p99') => (measured: Measured) => {
  const pair = pairOf(measured, one, other)
  const [first, second] = (pair ?? []).map(({ paced }) => paced[rate]?.map((waits) => waits[at] / 1000))
  return first === undefined || second === undefined ? undefined : added(first, second)
}

const wait = (id: string, rate: number) => (measured: Measured) => {
  const waits = measured.results.find((result) => result.id === id)?.paced[rate]
  return waits && median(waits.map(({ p99 }) => p99 / 1000))
}

const ofHeimdall =
  (id: string, figure: (result: Result) => number | undefined) =>
  ({ results }: Measured) => {
    const result = results.find((one) => one.id === id)
    return result && figure(result)
  }

const above = (base: number, share: number) => base * (1 + share / 100)
const full = 'RS256 seen before, permission, limit, identity headers, metrics, log: CPU'

export const bars: readonly Bar[] = [
  { what: `${full} of HAProxy RS256`, limit: 0.9, unit: '×', figure: cpuRatio('heimdall', 'haproxy-rs256') },
  { what: 'the same with ES256, of HAProxy ES256', limit: 0.5, unit: '×', figure: cpuRatio('es256', 'haproxy-es256') },
  { what: `${full} of @fastify/http-proxy`, limit: 0.75, unit: '×', figure: cpuRatio('heimdall', 'fastify') },
  { what: `${full} of the undici relay`, limit: 1.2, unit: '×', figure: cpuRatio('heimdall', 'relay') },
  { what: 'public route: CPU of the undici relay', limit: 1.15, unit: '×', figure: cpuRatio('public', 'relay') },
  { what: 'a limit shared in Redis: CPU added', limit: 12, unit: 'µs', figure: cpuAdded('redis-limit', 'heimdall') },
  {
    what: 'a limit shared in Redis: p99 added at 1,000/s',
    limit: 1,
    unit: 'ms',
    figure: waitAdded('redis-limit', 'heimdall', 1000, 'p99'),
  },
  {
    what: 'latency added at 1,000/s: p50',
    limit: 0.3,
    unit: 'ms',
    figure: waitAdded('heimdall', 'direct', 1000, 'p50'),
  },
  {
    what: 'latency added at 1,000/s: p99',
    limit: 1,
    unit: 'ms',
    figure: waitAdded('heimdall', 'direct', 1000, 'p99'),
  },
  { what: '20,000 validations/s answered by 2 workers: p99', limit: 10, unit: 'ms', figure: wait('own-2', 20_000) },
  {
    what: 'RS256 never seen: CPU in all',
    limit: 90,
    unit: 'µs',
    figure: ofHeimdall('never-rs256', (result) => median(cpuOf(result))),
  },
  {
    what: '10,000 routes instead of 10: CPU',
    limit: above(1, 5),
    unit: '×',
    figure: cpuRatio('routes-10000', 'routes-10'),
  },
  {
    what: '2 workers instead of 1: CPU per request',
    limit: above(1, 10),
    unit: '×',
    figure: cpuRatio('workers-2', 'heimdall'),
  },
  {
    what: 'RSS after start, tokens only',
    limit: 80,
    unit: 'MiB',
    figure: ofHeimdall('heimdall', ({ memory }) => memory?.start),
  },
  {
    what: 'RSS under wrk -c64, most',
    limit: 125,
    unit: 'MiB',
    figure: ofHeimdall('heimdall', ({ loads }) => Math.max(...loads.map(({ rss }) => rss))),
  },
  {
    what: 'RSS for 100,000 seen tokens',
    limit: 80,
    unit: 'MiB',
    figure: ({ remembered }) => remembered && remembered.after - remembered.before,
  },
  ...elsewhereBars,
]

/** Holds one figure against its bar. */
export function judge({ what, limit, unit, above: isFloor, figure }: Bar, measured: Measured): Verdict {
  const value = figure(measured)
  const told = { what, limit: `${isFloor === true ? '>' : '≤'} ${write(limit, unit)}` }
  if (value === undefined || Number.isNaN(value)) return { ...told, figure: '–', verdict: 'not measured' }
  const room = (isFloor === true ? value - limit : limit - value) / limit
  const isMet = isFloor === true ? room > 0 : room >= 0
  const by = `${(100 * Math.abs(room)).toFixed(0)} %`
  return { ...told, figure: write(value, unit), verdict: isMet ? `met by ${by}` : `**missed** by ${by}` }
}

function write(value: number, unit: Unit): string {
  const digits = { '×': 2, µs: 1, ms: Math.abs(value) < 1 ? 3 : 1, MiB: 0, '%': 2 }[unit]
  const text = Number.isInteger(value) ? String(value) : value.toFixed(digits)
  return unit === '×' ? `${text} ×` : `${text} ${unit}`
}
