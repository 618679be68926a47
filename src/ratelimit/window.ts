/**
 * The sliding window: how many of a limit's requests passed within the last period.
 *
 * It is a log of the passed requests, oldest first, thinned so that its size does not grow with the limit: neighbours
 * share an entry, which holds when the first of them passed and how many they are. An entry leaves the window
 * as a whole, with its first. Therefore
 *
 * - whoever keeps to COUNT per period is never refused, since an entry never stays longer than any of its requests;
 * - at most one entry can be gone while some of its requests still lie in a given stretch of one period. An entry holds
 *   at most COUNT/16, so never more than COUNT × (1 + 1/16) pass in such a stretch; limits below 32 have one
 *   request per entry and are exact;
 * - a window has at most 33 entries, and a refused request changes nothing.
 *
 * Pure, in whole numbers; `script.ts` is the same arithmetic in Lua, and a property test holds the two together.
 *
 * @module
 */

/** How many requests may pass in one period. */
export interface Quota {
  readonly count: number
  /** Microseconds. */
  readonly period: number
  /** Entries that hold a period's requests, one more or less; 16 unless told. A lender of tokens keeps finer books. */
  readonly grain?: number
}

/** The requests that passed; `firsts` and `sizes` are the columns of one list, oldest entry first. */
export interface Window {
  /** When the first request of each entry passed, in microseconds. */
  firsts: number[]
  /** Requests per entry, at least 1. */
  sizes: number[]
  total: number
}

/** What a window says about a request. */
export interface Taken {
  readonly allowed: boolean
  /** How many more would pass now. */
  readonly remaining: number
  /** Microseconds until `remaining` grows; 0 when nothing is counted. */
  readonly wait: number
  /** When the window was asked, in microseconds of its own clock: names the request to `giveBack`. */
  readonly at: number
}

export function newWindow(): Window {
  return { firsts: [], sizes: [], total: 0 }
}

/** Most requests that share an entry. */
function entrySize(quota: Quota): number {
  return Math.max(1, Math.floor(quota.count / (quota.grain ?? 16)))
}

/** Lets one request pass and counts it, or refuses it and counts nothing. `time` in microseconds, see `slide`. */
export function take(window: Window, quota: Quota, time: number): Taken {
  const at = slide(window, quota, time)
  const allowed = window.total < quota.count
  if (allowed) add(window, entrySize(quota), at)
  return { allowed, remaining: quota.count - window.total, wait: waitOf(window, quota, at), at }
}

/** What a window says when several requests are to pass at once. */
export interface TakenMany extends Omit<Taken, 'allowed'> {
  /** How many do. */
  readonly tokens: number
}

/** Lets up to `most` requests pass at once. `time` as above. */
export function takeUpTo(window: Window, quota: Quota, time: number, most: number): TakenMany {
  const at = slide(window, quota, time)
  const tokens = Math.min(most, quota.count - window.total)
  for (let left = tokens; left > 0; left -= 1) add(window, entrySize(quota), at)
  return { tokens, remaining: quota.count - window.total, wait: waitOf(window, quota, at), at }
}

/** Asks a window and changes nothing of what it counts: microseconds until it has room, 0 when it has. */
export function fullFor(window: Window, quota: Quota, time: number): number {
  const at = slide(window, quota, time)
  return window.total < quota.count ? 0 : waitOf(window, quota, at)
}

/**
 * Takes a passed request out again, because another limit refused it.
 *
 * Neighbours that fit into one entry are joined afterwards, which keeps the number of entries bounded.
 *
 * @param at the `at` of its `take`; nothing happens when it has left the window
 */
export function giveBack(window: Window, quota: Quota, at: number, time: number): void {
  const { firsts, sizes } = window
  slide(window, quota, time)
  let index = firsts.length - 1
  while (index >= 0 && (firsts[index] ?? 0) > at) index -= 1
  if (index < 0) return
  window.total -= 1
  sizes[index] = (sizes[index] ?? 0) - 1
  if (sizes[index] === 0) remove(window, index)
  else for (const later of [index + 1, index]) joinWithEarlier(window, later, entrySize(quota))
}

/** True when the window counts nothing any more. */
export function ranOut(window: Window, quota: Quota, time: number): boolean {
  const newest = window.firsts.at(-1)
  return newest === undefined || newest + quota.period <= time
}

/**
 * Drops what is older than a period.
 *
 * @returns the time to count with: never before the newest entry, should the clock have stepped back;
 * a newest entry more than a period ahead is from another clock altogether, and the window starts afresh
 */
function slide(window: Window, quota: Quota, time: number): number {
  const { firsts, sizes } = window
  const newest = firsts[firsts.length - 1] ?? time
  if (newest - time > quota.period) clear(window)
  const now = newest - time > quota.period ? time : Math.max(time, newest)
  while (firsts[0] !== undefined && firsts[0] + quota.period <= now) {
    firsts.shift()
    window.total -= sizes.shift() ?? 0
  }
  return now
}

function add(window: Window, most: number, at: number): void {
  const last = window.sizes.length - 1
  const size = window.sizes[last] ?? most
  window.total += 1
  if (last === -1) {
    // Most windows have one entry, and an array that something is pushed to makes room for seventeen.
    window.firsts = [at]
    window.sizes = [1]
  } else if (size < most) {
    window.sizes[last] = size + 1
  } else {
    window.firsts.push(at)
    window.sizes.push(1)
  }
}

function waitOf(window: Window, quota: Quota, now: number): number {
  const oldest = window.firsts[0]
  return oldest === undefined ? 0 : oldest + quota.period - now
}

function joinWithEarlier(window: Window, index: number, most: number): void {
  const [earlier, own] = [window.sizes[index - 1], window.sizes[index]]
  if (earlier === undefined || own === undefined || earlier + own > most) return
  window.sizes[index - 1] = earlier + own
  remove(window, index)
}

function remove(window: Window, index: number): void {
  window.firsts.splice(index, 1)
  window.sizes.splice(index, 1)
}

function clear(window: Window): void {
  window.firsts.length = 0
  window.sizes.length = 0
  window.total = 0
}
