/**
 * Problems for people: place, reason, the line with a caret under it, and what was probably meant.
 *
 * @module
 */
import type { Problem } from './problem.ts'

const WIDEST = 160
/** `user:password@`, also where the URL around it is mistyped. */
const userInfo = /([^\s/@:"']*:)(?!\/\/)[^\s"']*@/g
/** `?sentinel_password=…`, also mistyped. */
const secretOption = /([?&][^=&\s"']*(?:pas|pwd|sec|tok)[^=&\s"']*=)[^&#\s"']*/gi
const secretName = String.raw`["']?[\w.-]*(?:secret|password|passwd|token|private_key)["']?\s*:\s*`
/** A line of its own: what follows is the secret, whatever is in it. */
const secretLine = new RegExp(String.raw`^(\s*(?:-\s+)?${secretName})(?!["']?\$\{)\S.*$`, 'i')
/** Inside braces: the secret ends with its quote, or before the next key. */
const secretMember = new RegExp(String.raw`(?<![\w.-])(${secretName})(?!["']?\$\{)("[^"]*"?|'[^']*'?|[^\s,}]+)`, 'gi')

/** Renders problems in the order given, a blank line between them. */
export function explain(problems: readonly Problem[]): string {
  return problems.map(explainOne).join('\n\n')
}

function explainOne(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`
  const subject = problem.path === '' ? '' : `${printable(problem.path)}: `
  return [
    `${place}  ${subject}${problem.message}`,
    ...pointer(problem),
    ...(problem.suggestion === undefined ? [] : [`  did you mean "${problem.suggestion}"?`]),
  ].join('\n')
}

function pointer({ excerpt, line, column }: Problem): string[] {
  if (excerpt === undefined || excerpt.trim() === '' || column > WIDEST) return []
  const number = String(line)
  const shown = mask(excerpt.slice(0, 4 * WIDEST)).slice(0, WIDEST)
  return [`  ${number} | ${shown}`, `  ${' '.repeat(number.length)} | ${' '.repeat(column - 1)}^`]
}

/** Nothing of the file may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
}

/** Hides what a careless file spells out: passwords in URLs, values of keys that name a secret. */
function mask(line: string): string {
  return printable(line)
    .replaceAll(userInfo, '$1***@')
    .replaceAll(secretOption, '$1***')
    .replace(secretLine, '$1***')
    .replaceAll(secretMember, '$1***')
}
