/**
 * What was measured of starts, in words, each bar beside its figure.
 *
 * @module
 */
import { commit, machine, today } from '../machine.ts'
import { median, spread } from '../statistics.ts'
import type { Memory } from './gateway.ts'

export interface Start {
  /** Milliseconds. */
  readonly ready: number
  readonly work: number
  /** When it had been idle for a while. */
  readonly idle: Memory
}

export interface Figures {
  /** Milliseconds of Node that does nothing. */
  readonly bare: readonly number[]
  readonly cold: readonly Start[]
  readonly warm: readonly Start[]
  /** Resident memory under load, MiB, once a second; empty without wrk. */
  readonly loaded: readonly number[]
  /** Load average of the machine before. */
  readonly busy: number
}

interface Row {
  readonly what: string
  readonly unit: string
  readonly values: readonly number[]
  readonly bar?: number
}

function rowsOf({ bare, cold, warm, loaded }: Figures): Row[] {
  const starts = { 'nothing compiled before': cold, 'compiled before': warm }
  const rows = Object.entries(starts).flatMap(([name, all]): Row[] => [
    { what: `ready, ${name}`, unit: 'ms', values: all.map(({ ready }) => ready), bar: all === cold ? 600 : 300 },
    { what: `processor time until then`, unit: 'ms', values: all.map(({ work }) => work) },
    {
      what: `resident, idle, ${name}`,
      unit: 'MiB',
      values: all.map(({ idle }) => idle.resident),
      ...(all === warm && { bar: 80 }),
    },
    { what: 'of it no file’s', unit: 'MiB', values: all.map(({ idle }) => idle.anonymous) },
    { what: 'of it this process’s share', unit: 'MiB', values: all.map(({ idle }) => idle.proportional) },
  ])
  return [
    { what: 'Node alone, start and end', unit: 'ms', values: bare },
    ...rows,
    { what: 'resident, 64 connections', unit: 'MiB', values: loaded, bar: 125 },
  ]
}

function verdict({ values, bar }: Row): string {
  if (bar === undefined) return ''
  if (values.length === 0) return 'not measured: wrk is not installed'
  const factor = median(values) / bar
  return factor <= 1 ? `≤ ${bar}: met, ${factor.toFixed(2)} of it` : `≤ ${bar}: missed, ${factor.toFixed(2)} times it`
}

/** As Markdown. */
export function report(figures: Figures): string {
  const lines = rowsOf(figures).map((row) => {
    const [least, most] = spread(row.values)
    const shown = row.values.length === 0 ? '–' : `${median(row.values).toFixed(0)} ${row.unit}`
    const range = row.values.length === 0 ? '' : `${least.toFixed(0)}–${most.toFixed(0)}`
    return `| ${row.what} | ${shown} | ${range} | ${verdict(row)} |`
  })
  return `# How a gateway starts, and what it holds

A file with a hundred routes and one issuer whose keys are in a file; \`npm run bench:start\` measures it anew.
Ready is the first 200 of \`/readyz\`, from the start of the process. Medians of ${figures.warm.length} starts of each kind, in turn.
${today()}, commit ${commit()}, Node ${process.versions.node}, ${machine()}, load average ${figures.busy.toFixed(2)} before.

| what | median | spread | bar |
|---|---|---|---|
${lines.join('\n')}
`
}
