/**
 * The report: `bench/attack/RESULTS.md`.
 *
 * @module
 */
import type { Case } from '#probe/case.ts'

import type { Outcome } from './outcome.ts'

/** One form, and what became of it at each proxy, Heimdall first. */
export interface Row {
  readonly form: string
  readonly outcomes: readonly Outcome[]
}

export interface Section {
  readonly of: Case
  readonly rows: readonly Row[]
}

/** Forms that Heimdall passes on, in whatever state, and another one refuses. */
export function behind(sections: readonly Section[]): { readonly id: string; readonly row: Row }[] {
  return sections.flatMap(({ of, rows }) =>
    rows
      .filter(
        ({ outcomes: [own, ...others] }) => own?.kind === 'passed' && others.some(({ kind }) => kind === 'refused'),
      )
      .map((row) => ({ id: of.id, row })),
  )
}

const kinds = ['refused', 'harmless', 'passed'] as const

export function report(titles: readonly string[], sections: readonly Section[]): string {
  const late = behind(sections)
  return [
    '# The corpus of attacks at Heimdall and at other proxies',
    '',
    'Written by `npm run attack:compare`. The same bytes to each proxy, each before a service that records bytes,',
    'nginx and HAProxy set up as their manuals do it; `/admin` is closed to strangers at all three.',
    'Every form is a request of `src/probe/cases`; tokens are left out, since the others do not read them.',
    '',
    '- **refused**: the service received no whole request, and the client a 4xx, a 5xx or the end of its connection',
    '- **harmless**: the service received a request, and nothing of what is hostile in it (the header was dropped, the',
    '  hidden request stayed a body), or the proxy answered by itself',
    '- **passed on**: the service received what is hostile',
    '',
    `Cases that Heimdall passes on and one of the others refuses: **${late.length}**.`,
    '',
    ...summary(titles, sections),
    '',
    ...sections.flatMap((section) => details(titles, section)),
  ].join('\n')
}

function summary(titles: readonly string[], sections: readonly Section[]): string[] {
  const all = sections.flatMap(({ rows }) => rows)
  const lines = sections.map(({ of, rows }) => `| ${of.id} | ${of.title} | ${counts(titles, rows)} |`)
  return [
    `Refused / harmless / passed on, of ${all.length} forms:`,
    '',
    `| | | ${titles.join(' | ')} |`,
    `|---|---|${titles.map(() => '--:').join('|')}|`,
    ...lines,
    `| | all | ${counts(titles, all)} |`,
  ]
}

function counts(titles: readonly string[], rows: readonly Row[]): string {
  const of = (index: number) =>
    kinds.map((kind) => rows.filter(({ outcomes }) => outcomes[index]?.kind === kind).length).join(' / ')
  return titles.map((_, index) => of(index)).join(' | ')
}

/** Forms with the same outcomes share a line. */
function details(titles: readonly string[], { of, rows }: Section): string[] {
  const lines = new Map<string, string[]>()
  for (const { form, outcomes } of rows) {
    const told = outcomes.map(tell).join(' | ')
    lines.set(told, [...(lines.get(told) ?? []), code(form)])
  }
  return [
    `## ${of.id}: ${of.title}`,
    '',
    `${of.why} (${of.advisories.join(', ')})`,
    '',
    `| form | ${titles.join(' | ')} |`,
    `|---|${titles.map(() => '---').join('|')}|`,
    ...Array.from(lines, ([told, forms]) => `| ${forms.join(', ')} | ${told} |`),
    '',
  ]
}

function tell({ kind, as }: Outcome): string {
  if (kind === 'refused') return /^\d+$/.test(as) ? `refused ${as}` : `refused: ${as}`
  return kind === 'passed' ? `**passed on**: ${code(as)}` : `harmless: ${code(as)}`
}

/** As code, whatever stands in it. */
function code(text: string): string {
  const plain = text.replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
  const fence = plain.includes('`') ? '``' : '`'
  const short = plain.length > 60 ? `${plain.slice(0, 60)}…` : plain
  return `${fence}${short.replaceAll('|', '\\|')}${fence}`
}
