/**
 * Problems: what is wrong with the file, and where.
 *
 * No message repeats a value of the file, but for segments of a path: a value may be a secret that was put in for `${VAR}`.
 * The excerpt is the line as written, placeholders and all.
 *
 * @module
 */

/** Way to a place in the file: keys and list positions from the top. */
export type Path = readonly (string | number)[]

/** What a check found, before its place is known. */
export interface Finding {
  readonly path: Path
  readonly message: string
  /** What was probably meant. */
  readonly suggestion?: string
  /** Points at the key instead of its value. */
  readonly key?: true
}

/** A finding with its place, ready to be shown. */
export interface Problem {
  /** As given on the command line or in `include`; the name of the variable when an override is at fault. */
  readonly file: string
  /** From 1; 0 when the problem has no place inside the file. */
  readonly line: number
  readonly column: number
  /** `routes[2].upstream`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
  readonly suggestion?: string
  /** The line as written. */
  readonly excerpt?: string
}

/** Writes a path the way people do: `routes[2].upstream`. */
export function pathText(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '')
}
