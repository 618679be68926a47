/**
 * The summary of a soak, as Markdown.
 *
 * @module
 */
import { cpus, loadavg } from 'node:os'

import { kinds } from '../support/mixture.ts'
import { statsOf } from '../support/traffic.ts'
import { neighbours } from './repertoire.ts'
import type { SoakRecord } from './run.ts'
import type { Finding } from './verdict.ts'

/** Writes it; the picture lies beside it under `picture`. */
export function summary(record: SoakRecord, findings: readonly Finding[], picture: string): string {
  const { seed, from, to, spells, answers, reloads } = record
  const minutes = ((to - from) / 60_000).toFixed(1)
  const holds = findings.every((finding) => finding.holds)
  const head = [
    '# Soak',
    '',
    `${holds ? 'All of it holds' : 'Not all of it holds'}: ${minutes} minutes, ${answers.length} requests, ${spells.length} faults, ${reloads} changes of the file.`,
    `\`npm run soak -- --minutes ${Math.round((to - from) / 60_000)} --seed ${seed}\`, Node ${process.version}, ${cpus().length} CPUs, load average ${(loadavg()[0] ?? 0).toFixed(1)} at the end.`,
    '',
    `![memory, sockets and delays over time](${picture})`,
  ]
  const verdict = findings.map(({ what, found, allowed, holds: good }) => [
    good ? 'holds' : '**fails**',
    what,
    found,
    allowed,
  ])
  const served = kinds.map((kind) => {
    const { count, p50, p99, outcomes } = statsOf(answers.filter((answer) => answer.kind === kind))
    const rest = Object.entries(outcomes).map(([name, times]) => `${name}: ${times}`)
    return [kind, String(count), p50.toFixed(1), p99.toFixed(1), rest.join(', ')]
  })
  const faults = neighbours.map((name) => {
    const own = spells.filter(({ neighbour }) => neighbour === name)
    const whats = [...Map.groupBy(own, ({ what }) => what)].map(([what, some]) => `${what} ×${some.length}`)
    const seconds = own.reduce((sum, spell) => sum + spell.to - spell.from, 0) / 1000
    return [name, String(own.length), seconds.toFixed(0), whats.join(', ')]
  })
  return [
    ...head,
    ...table('## Verdict', ['', 'what', 'found', 'allowed'], verdict),
    ...table('## Requests with the right to be served', ['kind', 'count', 'p50 ms', 'p99 ms', 'answers'], served),
    ...table('## Faults', ['neighbour', 'times', 'seconds', 'which'], faults),
    '',
  ].join('\n')
}

function table(title: string, names: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return ['', title, '', line(names), line(names.map(() => '---')), ...rows.map(line)]
}
