/**
 * A question: what one thing on the way of a request costs.
 *
 * @module
 */

export interface Question {
  /** What `--only` and the baseline call it; begins with the folder of `src/` that it mirrors. */
  readonly name: string
  /** In words, for the table. */
  readonly asks: string
  /** Sets everything up, once in a process that asks nothing else. */
  prepare(): Subject | Promise<Subject>
}

/** What is measured: `work` on one piece of material after the other. */
export interface Subject {
  /** Makes material for a round, outside the measured time: strings as new as those a parser hands over. */
  readonly materials: (count: number) => readonly unknown[]
  readonly work: (material: unknown) => unknown
}

/** Keeps the type of the material between the two functions. */
export function subject<T>(materials: (count: number) => readonly T[], work: (material: T) => unknown): Subject {
  return { materials, work: work as Subject['work'] }
}

/** For work that needs nothing new. */
export function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}
