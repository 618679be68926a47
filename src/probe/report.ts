/**
 * The report of a probe: a table for people, or the same as data.
 *
 * @module
 */
import type { CaseResult, FormResult } from './probe.ts'

export interface Totals {
  readonly held: number
  readonly fell: number
  readonly unjudged: number
}

const count = (forms: readonly FormResult[], kind: FormResult['kind']) =>
  forms.filter((form) => form.kind === kind).length

export function totals(results: readonly CaseResult[]): Totals {
  const forms = results.flatMap((result) => result.forms)
  return { held: count(forms, 'held'), fell: count(forms, 'fell'), unjudged: count(forms, 'unjudged') }
}

/** One line a case, and under it what fell and why that matters. */
export function table(results: readonly CaseResult[]): string[] {
  const { held, fell, unjudged } = totals(results)
  return [
    'case  verdict     held  fell  not judged',
    ...results.flatMap(rows),
    '',
    `${held} held, ${fell} fell, ${unjudged} not judged.`,
    ...(fell === 0 ? [] : ['What fell reached further than it should, or was answered as if it meant one thing.']),
  ]
}

function rows({ of, forms }: CaseResult): string[] {
  const [held, fell, unjudged] = [count(forms, 'held'), count(forms, 'fell'), count(forms, 'unjudged')]
  const verdict = fell > 0 ? 'FELL' : held > 0 ? 'held' : 'not judged'
  const counts = [held, fell, unjudged].map(String)
  const line = [
    of.id.padEnd(6),
    verdict.padEnd(10),
    (counts[0] ?? '').padStart(6),
    (counts[1] ?? '').padStart(6),
    (counts[2] ?? '').padStart(12),
    `  ${of.title}`,
  ].join('')
  return [line, ...(fell > 0 ? fallen(of.why, of.advisories, forms) : []), ...reasons(forms, fell)]
}

function fallen(why: string, advisories: readonly string[], forms: readonly FormResult[]): string[] {
  return [
    ...forms.filter(({ kind }) => kind === 'fell').map(({ form, note }) => `        ${form}: ${note}`),
    `        why it matters: ${why}`,
    `        seen in: ${advisories.join(', ')}`,
  ]
}

/** What is missing to judge a case of which nothing fell. */
function reasons(forms: readonly FormResult[], fell: number): string[] {
  if (fell > 0 || forms.some(({ kind }) => kind === 'held')) return []
  const notes = new Set(forms.map(({ note }) => note))
  return forms.length === 0
    ? ['        not judged: cannot be shown from outside']
    : [`        not judged: ${[...notes].join('; ')}`]
}

/** The same as data; names of forms hold no secrets. */
export function asJson(results: readonly CaseResult[]): unknown {
  return {
    ...totals(results),
    cases: results.map(({ of: { id, advisories, family, title, why }, forms }) => ({
      id,
      family,
      title,
      why,
      advisories,
      forms,
    })),
  }
}
