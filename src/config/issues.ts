/**
 * From zod's issues to findings in our words.
 *
 * zod's own messages are for programmers ("expected record, received undefined") and a union's is "Invalid input";
 * here a missing key is "is required" and a union speaks through the alternative that was probably meant.
 *
 * @module
 */
import type { z } from 'zod'

import { closest } from './closest.ts'
import { knownKeys } from './known-keys.ts'
import type { Finding, Path } from './problem.ts'
import { valueAt } from './tree.ts'

type Issue = z.core.$ZodIssue

/** What is said of a key that must be there and is not. */
export const MISSING = 'is required'

/** What is said of a key that nothing reads. */
export const UNKNOWN = 'unknown key'

const LONGEST_LIST = 8
const nouns: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

/** Says what an issue means for the file; `data` is what was parsed. */
export function findingsOf(issue: Issue, data: unknown): Finding[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) =>
        withGuess({ path: [...path, key], message: UNKNOWN, key: true }, key, knownKeys(path)),
      )
    case 'invalid_union':
      return ofUnion(issue, path, data)
    case 'invalid_key':
      return [{ path, message: `the key ${issue.issues[0]?.message ?? 'is malformed'}`, key: true }]
    case 'invalid_value':
      return [ofChoice(issue, path, valueAt(data, path))]
    case 'custom':
      return [guessed({ path, message: messageOf(issue, valueAt(data, path)) }, issue.params?.['suggestion'])]
    default:
      return [{ path, message: messageOf(issue, valueAt(data, path)) }]
  }
}

function withGuess(finding: Finding, word: unknown, candidates: Iterable<string>): Finding {
  return guessed(finding, typeof word === 'string' ? closest(word, candidates) : undefined)
}

function guessed(finding: Finding, suggestion: unknown): Finding {
  return typeof suggestion === 'string' ? { ...finding, suggestion } : finding
}

function messageOf(issue: Issue, value: unknown): string {
  if (value === undefined && issue.code === 'invalid_type') return MISSING
  if (value === null && issue.code === 'invalid_type') return 'has no value'
  if (!isStock(issue)) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nouns[issue.expected] ?? issue.expected}`
    case 'too_small':
      return `must ${bound(issue.origin, 'at least', Number(issue.minimum))}`
    case 'too_big':
      return `must ${bound(issue.origin, 'at most', Number(issue.maximum))}`
    default:
      return 'does not have the right form'
  }
}

/** True for a message that zod made up; ours say what must be, not what was received. */
function isStock(issue: Issue): boolean {
  return /^(?:Invalid|Too|Unrecognized)\b/.test(issue.message)
}

function bound(origin: string, which: string, count: number): string {
  if (origin === 'array' || origin === 'set') return `have ${which} ${count} ${count === 1 ? 'entry' : 'entries'}`
  if (origin === 'string') return `have ${which} ${count} ${count === 1 ? 'character' : 'characters'}`
  return `be ${which} ${count}`
}

function ofChoice(issue: z.core.$ZodIssueInvalidValue, path: Path, value: unknown): Finding {
  if (value === undefined) return { path, message: MISSING }
  if (!isStock(issue)) return { path, message: issue.message }
  const choices = issue.values.map(String)
  const message = choices.length > LONGEST_LIST ? 'is not one of the values known here' : `must be ${orList(choices)}`
  return withGuess({ path, message }, value, choices)
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** The alternative with the least against it; several that reject the value as a whole are named together. */
function ofUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, data: unknown): Finding[] {
  if (!isStock(issue)) return [{ path, message: issue.message }]
  const alternatives = issue.errors.filter((issues) => issues.length > 0)
  const least = Math.min(...alternatives.map(against))
  const likely = alternatives.filter((issues) => against(issues) === least)
  const [first = []] = likely
  const inner = (issues: readonly Issue[]) =>
    issues.flatMap((one) => findingsOf({ ...one, path: [...path, ...one.path] }, data))
  if (first.some((one) => one.path.length > 0 || one.code === 'unrecognized_keys')) return inner(first)
  const messages = new Set(likely.flatMap(inner).map(({ message }) => message.replace(/^must be /, '')))
  const [finding] = inner(first)
  if (finding === undefined || messages.size < 2) return finding === undefined ? [] : [finding]
  return [{ ...finding, message: `must be ${orList([...messages])}` }]
}

function against(issues: readonly Issue[]): number {
  return issues.map(weight).reduce((sum, one) => sum + one, 0)
}

/** A wrong type rules an alternative out, a wrong value nearly so; what is wrong deeper inside speaks least against it. */
function weight(issue: Issue): number {
  const top = issue.path.length === 0
  if (issue.code === 'unrecognized_keys') return top ? 5 : 2
  if (issue.code === 'invalid_type' && top) return 100
  return top ? 10 : 1
}
