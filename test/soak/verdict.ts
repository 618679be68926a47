/**
 * What a soak showed, judged.
 *
 * @module
 */
import type { Answer } from '../support/load.ts'
import { quantile } from '../support/traffic.ts'
import type { Spell } from './chaos.ts'
import type { Held } from './probe.ts'
import { neighbours } from './repertoire.ts'
import type { SoakRecord, Sockets } from './run.ts'

/** One line of the verdict. */
export interface Finding {
  readonly what: string
  readonly found: string
  readonly allowed: string
  readonly holds: boolean
}

const RECOVERY = 6000 // milliseconds that a fault may be felt after its end
const MOST_FAILED = 0.001
const MOST_GROWN = 12 // MiB over the second half
const MORE_SOCKETS = 10

/** Judges a soak. */
export function verdictOf(record: SoakRecord): readonly Finding[] {
  const { wrong, unauthorised, strangers, errors, exit, sockets, answers } = record
  const { total, failed } = owed(record)
  const slope = slopeOf(record)
  const grown = (slope * halfOf(record)) / 3_600_000
  const refused = answers.filter(({ status }) => status === 401 || status === 403 || status === 429).length
  const let_in = strangers.filter(({ status }) => status === 200).length
  const none = (what: string, count: number): Finding => ({
    what,
    found: String(count),
    allowed: '0',
    holds: count === 0,
  })
  const share = total === 0 ? 0 : failed / total
  return [
    none('wrong identities at the service', wrong.length),
    none('requests at the service without the right to', unauthorised.length),
    none('strangers served', let_in),
    none('good credentials refused as bad', refused),
    none('unhandled errors', errors.length),
    { what: 'exit code', found: String(exit), allowed: '0', holds: exit === 0 },
    {
      what: 'failed ÷ total, where an answer could have been given',
      found: `${failed} ÷ ${total} = ${(share * 100).toFixed(3)} %`,
      allowed: `${MOST_FAILED * 100} %`,
      holds: share <= MOST_FAILED,
    },
    {
      what: 'RSS over the second half',
      found: `${slope.toFixed(1)} MiB/h, ${grown.toFixed(1)} MiB`,
      allowed: `${MOST_GROWN} MiB`,
      holds: grown <= MOST_GROWN,
    },
    {
      what: 'open sockets but those to the service, before and after',
      found: `${others(sockets.before)}, ${others(sockets.after)} (${differences(sockets)})`,
      allowed: `${others(sockets.before) + MORE_SOCKETS}`,
      holds: others(sockets.after) <= others(sockets.before) + MORE_SOCKETS,
    },
    timers(record),
  ]
}

/** Connections to the service are kept for the next peak, as many as there are requests at once. */
function others({ all, service }: Sockets): number {
  return all - service
}

/** To whom they lead. */
function differences({ before, after }: SoakRecord['sockets']): string {
  return neighbours.map((name) => `${name} ${before[name]}, ${after[name]}`).join('; ')
}

/** Timers at the end against those before the first fault. */
function timers({ held, spells, from }: SoakRecord): Finding {
  const first = (spells[0]?.from ?? Infinity) - from
  const most = (some: readonly Held[]) => Math.max(0, ...some.map((one) => one.timers))
  const before = most(held.filter(({ time }) => time < first))
  const after = Math.min(...held.slice(-5).map((one) => one.timers))
  return {
    what: 'timers, before and after',
    found: `${before}, ${after}`,
    allowed: `${before + 10}`,
    holds: after <= before + 10,
  }
}

/** Answers that could have been given: no fault that a request depends on lay within its time, or shortly before. */
export function owed({ answers, spells }: Pick<SoakRecord, 'answers' | 'spells'>): { total: number; failed: number } {
  const due = answers.filter((answer) => !spells.some((spell) => excuses(spell, answer)))
  return { total: due.length, failed: due.filter(({ status }) => status !== 200).length }
}

function excuses({ neighbour, from, to }: Spell, { kind, at, ms }: Answer): boolean {
  const needs = neighbour === 'service' || (neighbour === 'postgres' && (kind === 'session' || kind === 'key'))
  return needs && at + ms >= from && at <= to + RECOVERY
}

/** Least squares through the resident memory of the second half, MiB an hour; of ten seconds each the median counts. */
export function slopeOf({ held, from, to }: Pick<SoakRecord, 'held' | 'from' | 'to'>): number {
  const points = buckets(held.filter(({ time }) => time >= (to - from) / 2))
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([time]) => time)), mean(points.map(([, rss]) => rss))]
  const spread = points.reduce((sum, [time]) => sum + (time - x) ** 2, 0)
  const common = points.reduce((sum, [time, rss]) => sum + (time - x) * (rss - y), 0)
  return spread === 0 ? 0 : (common / spread) * 3_600_000
}

function buckets(held: readonly Held[]): readonly (readonly [time: number, rss: number])[] {
  const groups = Map.groupBy(held, ({ time }) => Math.floor(time / 10_000))
  return [...groups].map(([index, some]) => [
    index * 10_000,
    quantile(
      some.map(({ rss }) => rss).toSorted((one, other) => one - other),
      0.5,
    ),
  ])
}

function halfOf({ from, to }: SoakRecord): number {
  return (to - from) / 2
}
