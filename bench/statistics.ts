/**
 * Medians, spreads and percentiles of what was measured.
 *
 * @module
 */

/** The middle value; NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const [upper = Number.NaN, lower = upper] = [sorted[middle], sorted[middle - 1]]
  return sorted.length % 2 === 1 ? upper : (lower + upper) / 2
}

/** Least and most. */
export function spread(values: readonly number[]): readonly [least: number, most: number] {
  return [Math.min(...values), Math.max(...values)]
}

/**
 * The value that a share of all values does not exceed: one of them, none in between (nearest rank).
 *
 * @param sorted ascending
 * @param share 0.99 for p99
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.ceil(share * sorted.length)
  return sorted[Math.max(0, rank - 1)] ?? Number.NaN
}

/**
 * Compares two series round by round, since a machine's speed drifts from one round to the next; the median of that.
 *
 * @param how what to make of a pair: a quotient or a difference
 */
function paired(one: readonly number[], other: readonly number[], how: (one: number, other: number) => number): number {
  return median(one.slice(0, other.length).map((value, round) => how(value, other[round] ?? Number.NaN)))
}

/** How many times the other each is, round by round. */
export function ratio(one: readonly number[], other: readonly number[]): number {
  return paired(one, other, (value, base) => value / base)
}

/** How much each is above the other, round by round. */
export function added(one: readonly number[], other: readonly number[]): number {
  return paired(one, other, (value, base) => value - base)
}
