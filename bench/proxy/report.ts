/**
 * The report: `bench/RESULTS.md`.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'

import type { Load, Waits } from './measure.ts'

/** What was measured of one candidate. */
export interface Result {
  readonly id: string
  readonly title: string
  readonly loads: readonly Load[]
  readonly waits: readonly Waits[]
  /** MiB: after the start, after the last round, and at most. */
  readonly memory: { readonly start: number; readonly load: number; readonly peak: number } | undefined
}

export interface Run {
  readonly seconds: number
  readonly rounds: number
  readonly pinned: boolean
  readonly results: readonly Result[]
  readonly skipped: readonly string[]
  /** Of the last minute, before the first round. */
  readonly busy: number
}

const BUSY = 0.5 // load average before the first round, above which others share the two cores

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

const cpuOf = (result: Result | undefined): number => median(result?.loads.map((one) => one.cpu) ?? [])

/** Writes the run down. */
export function report(run: Run): string {
  const { results, skipped, rounds, seconds } = run
  return [
    '# Heimdall beside other proxies',
    '',
    'Written by `npm run bench`. One run, one upstream (nginx on loopback, a small answer from memory, keep-alive);',
    `\`wrk -t1 -c64\`, ${rounds} rounds of ${seconds} s in turn, medians. Every request brings the same RS256 token.`,
    'CPU is user and system time of the proxy with all its threads over the requests that wrk counted.',
    'Heimdall runs as in production, `node src/main.ts serve`: 100 routes, a permission and a limit per subject checked,',
    'metrics on, one access line per request into a pipe that is read. The others write no log unless it is said.',
    '',
    ...loadTable(results),
    '',
    ...ratios(results),
    '',
    `Latency at 1,000 requests/s (open loop, one each millisecond, \`pace.ts\`), medians of ${rounds} rounds of ${seconds} s:`,
    '',
    ...waitTable(results),
    '',
    ...(skipped.length === 0 ? [] : [`Left out: ${skipped.join('; ')}.`, '']),
    ...(run.busy > BUSY ? ['**The machine was busy with other things: do not believe the latencies.**', ''] : []),
    ...circumstances(run),
    '',
  ].join('\n')
}

function loadTable(results: readonly Result[]): string[] {
  const rows = results.map((result) => {
    const { title, loads, memory } = result
    const cpu =
      result.id === 'direct' ? '–' : `**${cpuOf(result).toFixed(1)}** (${spread(loads.map((one) => one.cpu))})`
    const held =
      memory === undefined
        ? '– | –'
        : `${memory.start.toFixed(0)} | ${memory.load.toFixed(0)} (${memory.peak.toFixed(0)})`
    return `| ${title} | ${Math.round(median(loads.map((one) => one.rate))).toLocaleString('en')} | ${cpu} | ${held} |`
  })
  return [
    '| | requests/s | CPU µs per request (least–most) | RSS MiB at start | RSS MiB under load (peak) |',
    '|---|--:|--:|--:|--:|',
    ...rows,
  ]
}

function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)}`
}

/** Pairs of the same round are compared, since the machine's speed drifts. */
function ratios(results: readonly Result[]): string[] {
  const of = (id: string) => results.find((result) => result.id === id)
  const own = of('heimdall')
  const others = ['relay', 'fastify', 'haproxy-rs256', 'haproxy-rs256-log'].flatMap((id) => of(id) ?? [])
  if (own === undefined || others.length === 0) return []
  const told = others.map((other) => {
    const pairs = own.loads.map((one, round) => one.cpu / (other.loads[round]?.cpu ?? Number.NaN))
    return `${median(pairs).toFixed(2)} × ${other.title}`
  })
  return [`Heimdall's CPU per request, round by round: ${told.join('; ')}.`]
}

function waitTable(results: readonly Result[]): string[] {
  const direct = results.find((result) => result.id === 'direct')
  const [base50, base99] = [
    median(direct?.waits.map((one) => one.p50) ?? []),
    median(direct?.waits.map((one) => one.p99) ?? []),
  ]
  const rows = results
    .filter(({ waits }) => waits.length > 0)
    .map(({ id, title, waits }) => {
      const [p50, p99] = [median(waits.map((one) => one.p50)), median(waits.map((one) => one.p99))]
      const added = id === 'direct' ? '– | –' : `${(p50 - base50).toFixed(0)} | ${(p99 - base99).toFixed(0)}`
      return `| ${title} | ${p50.toFixed(0)} | ${p99.toFixed(0)} | ${added} |`
    })
  return ['| | p50 µs | p99 µs | added p50 | added p99 |', '|---|--:|--:|--:|--:|', ...rows]
}

function circumstances({ pinned, busy }: Run): string[] {
  const cores = cpus()
  const gib = Math.round(totalmem() / 2 ** 30)
  const peer = JSON.parse(readFileSync(join(import.meta.dirname, 'peers/package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const undici = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../node_modules/undici/package.json'), 'utf8'),
  ) as {
    version: string
  }
  const versions = [
    `Node ${process.versions.node}`,
    `undici ${undici.version}`,
    ...Object.entries(peer.dependencies).map(([name, version]) => `${name} ${version}`),
    first('nginx', ['-v'], /nginx\/[\d.]+/),
    first('haproxy', ['-v'], /version [\d.]+/).replace('version', 'HAProxy'),
    first('wrk', ['-v'], /\d+\.\d+\.\d+/).replace(/^/, 'wrk '),
  ]
  const commit = first('git', ['rev-parse', '--short', 'HEAD'], /\w+/)
  const changed = first('git', ['status', '--porcelain', 'src'], /\w/) === '' ? '' : ' with changes'
  const place = pinned ? 'proxy on one core, load and upstream on the other' : 'not pinned to cores'
  return [
    `${new Date().toISOString().slice(0, 10)}, commit ${commit}${changed}. ${cores.length} cores ${cores[0]?.model ?? ''}, ${gib} GiB, Linux ${release()}; ${place};`,
    `load average ${busy.toFixed(2)} before, ${(loadavg()[0] ?? 0).toFixed(2)} after. ${versions.filter((one) => one !== '').join(', ')}.`,
  ]
}

/** What a program says of itself; empty when it does not run. */
function first(program: string, args: readonly string[], pattern: RegExp): string {
  try {
    const text = execFileSync('sh', ['-c', '"$0" "$@" 2>&1 || true', program, ...args], { encoding: 'utf8' })
    return pattern.exec(text)?.[0] ?? ''
  } catch {
    return ''
  }
}
