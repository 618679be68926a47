/**
 * The report of a run.
 *
 * @module
 */
import { commit, machine, today } from '../machine.ts'
import { lookupsBetween, type Reading } from './meters.ts'
import type { Options } from './options.ts'
import type { Findings, Waits } from './plan.ts'
import { shareOf, type Layers, type Seen } from './sightings.ts'

/** What a run found. */
export interface Run {
  readonly options: Options
  readonly cold: { readonly waits: Waits; readonly seconds: number; readonly seen: Seen }
  readonly findings: Findings
  readonly seen: Seen
  /** Before anybody came, when everybody had been seen, at the beginning and the end of the measured time. */
  readonly readings: Readonly<Record<'idle' | 'known' | 'before' | 'after', Reading>>
  readonly busy: number
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} ms`
const whole = (value: number) => Math.round(value).toLocaleString('en')
const table = (rows: readonly (readonly string[])[]) =>
  rows.map((row, index) => `| ${row.join(' | ')} |${index === 0 ? `\n|${' --- |'.repeat(row.length)}` : ''}`).join('\n')

/** What `--json` keeps: shares in percent, times in milliseconds. */
export function figuresOf({ seen, findings: { all, endings } }: Run): Record<string, number> {
  return { hits_percent: 100 * shareOf(seen.acme, 'l1'), p99: all.p99, failed: all.failed, ended_late: endings.late }
}

/** Makes the text of the report. @param plot name of the picture's file; none when undefined */
export function report(run: Run, plot: string | undefined): string {
  const { options, findings, readings, seen, cold } = run
  const { all, endings } = findings
  const span = (readings.after.at - readings.before.at) / 1000
  const perSecond = (of: (reading: Reading) => number) => (of(readings.after) - of(readings.before)) / span
  const hits = shareOf(seen.acme, 'l1')
  const bar = (what: string, found: string, asked: string, met: boolean) => [what, found, asked, met ? 'met' : 'MISSED']
  return `# The mixed scenario

${paragraphs(options)}

${where(run)}

## Bars

${table([
  ['what', 'found', 'asked', ''],
  bar('signatures that need no second check', percent(hits), '> 98 %', hits > 0.98),
  bar('p99', ms(all.p99), '< 10 ms', all.p99 < 10),
  bar('requests with a good credential that failed', failures(all), '0', all.failed === 0),
  bar('ended sessions let through after 5 s', String(endings.late), '0', endings.late === 0),
])}
${plot === undefined ? '' : `\n![hits and p99 over time](${plot})\n`}
## Which layer answered

Of every request the farthest layer that its credential took: for a session both the session and the grants of its
person are looked up. "Postgres" is the signature check where tokens are concerned.

${table([
  ['credential', 'requests', 'memory (L1)', 'Redis (L2)', 'Postgres'],
  layerRow('token (70 %)', seen.acme),
  layerRow('session (25 %)', seen.login),
  layerRow('API key (5 %)', seen.keys),
  ...Object.entries(lookupsBetween(readings.before, readings.after)).map(([cache, counts]) =>
    layerRow(`lookups of ${cache}`, counts),
  ),
])}

## Time, stores, memory

${table([
  ['what', 'found'],
  ['requests', `${whole(all.count)} (${whole(all.count / options.seconds)}/s)`],
  ['p50, p99, p99.9, longest', [all.p50, all.p99, all.p999, all.most].map(ms).join(', ')],
  ['credentials renewed, people who joined', `${whole(findings.renewed)}, ${whole(findings.joined)}`],
  ['Postgres reads', `${whole(perSecond(({ postgres }) => postgres))}/s`],
  ['Redis commands', `${whole(perSecond(({ redis }) => redis))}/s`],
  ['tokens remembered by one gateway', whole(readings.after.tokens)],
  ['memory of one gateway: idle, everybody seen once, in the end', memoryOf(run)],
  [
    'sessions ended',
    `${whole(endings.ended)}; asked for ${whole(endings.asked)} times after that, refused ${whole(endings.refused)} times`,
  ],
  ['longest that an ended session was let through', ms(endings.longest)],
])}

## From a cold start

Nobody was known, and everybody came once to each gateway, as fast as they answered on 48 connections:
${whole(cold.waits.count)} requests in ${cold.seconds.toFixed(1)} s (${whole(cold.waits.count / cold.seconds)}/s), p50 ${ms(cold.waits.p50)}, p99 ${ms(cold.waits.p99)}, ${cold.waits.failed} failed.
Verified signatures were found in memory for ${percent(shareOf(cold.seen.acme, 'l1'))} of the tokens: a first sight is always a miss.
`
}

function paragraphs({ identities, rate, warmUp, seconds, quick }: Options): string {
  const slower = (identities / 0.009 / 900 / rate).toFixed(1)
  const minutes = Math.round(15 * Number(slower))
  return [
    `\`npm run bench:mixed${quick ? ' -- --quick' : ''}\`: ${whole(identities)} identities, drawn by Zipf's law (s = 1), before two gateways that share a Redis and a Postgres; ${whole(rate)} requests a second, each at one of them by chance, from an open loop that counts every wait from when the request was due. 70 % of the identities have tokens (ES256: a hundred thousand are signed in seconds), 25 % sessions, 5 % API keys.`,
    `99 % of the requests bring a credential that was brought before, 0.9 % one that was just renewed, in turn through all identities, 0.1 % that of somebody new, who takes the place of another.`,
    `Time: with these shares and a renewal every 15 minutes, ${whole(identities)} identities make ${whole(identities / 0.009 / 900)} requests a second. At ${whole(rate)} a second time runs at 1/${slower} of its pace: between two renewals of an identity lie ${minutes} minutes instead of 15, and as many requests as in life. The run cuts ${seconds} seconds out of that, after a warm-up in which everybody was seen once at each gateway and the mix ran for ${warmUp} s; so memory is as full as it is in the middle of a day. The 5 s for which answers of the directory are believed are a promise and stay as they are: at this pace 1/${slower} of the requests of life fall into them, which is harder on the caches.`,
    `1 % of the sessions are ended during the run, and asked for every 250 ms from then on.`,
  ].join('\n\n')
}

function where({ busy }: Run): string {
  const shared = 'gateways, clients, service and stores share the cores'
  return `${today()}, commit ${commit()}, Node ${process.versions.node}, ${machine()}, load average ${busy.toFixed(1)} before; ${shared}.`
}

function layerRow(name: string, counts: Layers): string[] {
  const { l1, l2, source } = counts
  return [
    name,
    whole(l1 + l2 + source),
    ...(['l1', 'l2', 'source'] as const).map((one) => percent(shareOf(counts, one))),
  ]
}

function failures({ failed, outcomes }: Waits): string {
  const others = Object.entries(outcomes).filter(([status]) => status !== '200')
  return [failed, ...others.map(([status, count]) => `${status}: ${count}`)].join(', ')
}

function memoryOf({ readings: { idle, known, after } }: Run): string {
  return [idle, known, after].map(({ memory }) => `${memory.toFixed(0)} MiB`).join(', ')
}
