/**
 * The report: `bench/RESULTS.md`, and the plots it shows.
 *
 * @module
 */
import { plotBars, plotLines } from '../plot.ts'
import { bars, judge, type Verdict } from './bars.ts'
import type { Plan } from './candidate.ts'
import type { Circumstances } from './circumstances.ts'
import { cpuOf, nameOf, type Measured, type Result } from './result.ts'
import { median, spread } from '../statistics.ts'
import { barsTable, layerTable, loadTables, waitTable } from './tables.ts'

export interface Run {
  /** Of all candidates: bars that were not measured are then a gap. */
  readonly isFull: boolean
  readonly plan: Plan
  readonly measured: Measured
  readonly circumstances: Circumstances
  /** Candidates that took no part, each with the reason. */
  readonly skipped: readonly string[]
  /** Load average of the last minute, before and after. */
  readonly busy: readonly [before: number, after: number]
}

const BUSY = 0.5 // above which others shared the cores
const WAITS = ['p50', 'p99', 'p999'] as const
const waitNames = { p50: 'p50', p99: 'p99', p999: 'p99.9' } as const

const intro = ({ plan }: Run) => [
  'Written by `npm run bench`. Every candidate runs in turn, and again: what drifts on the machine meets all of them.',
  `${plan.rounds} rounds of ${plan.seconds} s, medians, least and most; ratios are taken round by round, and their median is told.`,
  'CPU is user and system time of all processes and threads of the proxy over the requests that were answered.',
  'The upstream is nginx on loopback, answering a few bytes from memory over connections that are kept; the load is',
  '`wrk -t1 -c64` unless told otherwise. Who is not being measured is stopped (SIGSTOP). One process or thread each.',
  '',
  'What each does: nginx, http-proxy-3, @fastify/http-proxy and the relay check nothing and write no log.',
  'HAProxy verifies the signature of every token anew, and reads `alg`, `iss`, `aud`, `exp` and `sub`; with a log and a limit only where it says so.',
  'Heimdall runs as in production, `node src/main.ts serve`: a hundred routes, token, permission and a limit per subject checked, ten',
  'headers of identity and provenance made, metrics on, one access line per request into a pipe that is read. It remembers the',
  'tokens it has verified, so a token seen before costs it no signature; "every token a new one" stands beside for that reason.',
  'Only its overload control bears ten seconds of delay instead of half a one: who was stopped is late.',
]

const pacing = ({ plan }: Run) => [
  `Requests are due at fixed moments whether or not earlier ones were answered (\`loads/pace.ts\`, a process of its own on the core of the load);`,
  'each waits from the moment it was due, those that found no free connection or were never answered included, and so does what the',
  `generator itself is late, at every candidate alike. Medians of ${plan.paced.rounds} rounds of ${plan.paced.seconds} s, exact percentiles.`,
  '"403 for want of a permission" is answered by the gateway itself: token, limit and permission are checked, and no upstream is asked.',
]

const otherWaits = 'The same for [p50](plots/p50.svg) and [p99.9](plots/p999.svg); the scale is logarithmic.'

const stores = [
  'A value of the directory is believed for five seconds, in memory and in Redis, from the moment it was read. "From Redis" are sessions that',
  'this gateway knew, has no longer, and another gateway has read meanwhile. Who was never met is asked of Postgres, past Redis',
  '(`DECISIONS.md`, 22). What the gateways themselves counted:',
]

/** Writes the run down. */
export function report(run: Run): string {
  const { results, remembered } = run.measured
  const paced = results.filter((result) => Object.keys(result.paced).length > 0)
  const layers = layerTable(results)
  const [before] = run.busy
  return [
    '# Heimdall beside other proxies',
    '',
    ...intro(run),
    '',
    '## Bars',
    '',
    ...barsTable(verdictsOf(run)),
    '',
    '## CPU and memory',
    '',
    '![CPU per request](plots/cpu.svg)',
    '',
    ...loadTables(results),
    ...(layers.length === 0 ? [] : [...stores, '', ...layers, '']),
    ...(remembered === undefined
      ? []
      : [
          `${remembered.tokens.toLocaleString('en')} different tokens take RSS from ${remembered.before.toFixed(0)} to ${remembered.after.toFixed(0)} MiB.`,
          '',
        ]),
    ...(paced.length === 0
      ? []
      : ['## Latency', '', ...pacing(run), '', '![p99 by rate](plots/p99.svg)', '', otherWaits, '']),
    ...(paced.length === 0 ? [] : [...waitTable(paced), '']),
    '## Circumstances',
    '',
    ...(before > BUSY ? ['**The machine was busy with other things: do not believe the latencies.**', ''] : []),
    ...(run.skipped.length === 0 ? [] : [`Left out: ${run.skipped.join('; ')}.`, '']),
    ...where(run),
    '',
  ].join('\n')
}

function where({ circumstances: { date, commit, machine, cores, versions }, busy }: Run): string[] {
  const [before, after] = busy.map((load) => load.toFixed(2))
  return [
    `${date}, commit ${commit}. ${machine}; proxies on core ${cores['proxy']}, two workers on ${cores['workers']}`,
    `(on ${cores['anywhere']} where they answer by themselves), load, upstream and stores on ${cores['load']};`,
    `load average ${before} before, ${after} after. ${versions.join(', ')}.`,
  ]
}

/** Every bar of a full run, and of others those that something was measured for. */
export function verdictsOf({ isFull, measured }: Run): Verdict[] {
  return bars.map((bar) => judge(bar, measured)).filter(({ verdict }) => isFull || verdict !== 'not measured')
}

/** The plots of a run, by file name. */
export function plots({ measured: { results }, plan }: Run): Readonly<Record<string, string>> {
  const small = results.filter(({ memory, loads, group }) => memory && loads.length > 0 && !isOfBodies(group))
  const cpu = small.map((result) => {
    const [least, most] = spread(cpuOf(result))
    const own = nameOf(result).startsWith('Heimdall')
    return { label: nameOf(result), value: median(cpuOf(result)), least, most, own }
  })
  const rates = plan.paced.rates.map((rate) => `${rate.toLocaleString('en')}/s`)
  const lines = (at: (typeof WAITS)[number]) =>
    results
      .filter(({ paced }) => Object.keys(paced).length > 0)
      .map((result) => ({
        label: nameOf(result),
        values: plan.paced.rates.map((rate) => medianOf(result.paced[rate], at)),
      }))
  const waits = WAITS.map((at) => [
    `${at}.svg`,
    plotLines(`${waitNames[at]} in milliseconds, by requests per second`, rates, lines(at)),
  ])
  return {
    'cpu.svg': plotBars('CPU per request, small answers (median; whiskers: least and most of the rounds)', 'µs', cpu),
    ...(Object.fromEntries(waits) as Record<string, string>),
  }
}

const isOfBodies = (group: Result['group']) => group === 'post' || group === 'big' || group === 'websocket'

function medianOf(waits: Result['paced'][string] | undefined, at: (typeof WAITS)[number]): number | undefined {
  return waits === undefined ? undefined : median(waits.map((one) => one[at])) / 1000
}
