/**
 * Small things that raw clients and raw upstreams share.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** Splits header lines at their first colon. */
export function headerPairs(lines: readonly string[]): [string, string][] {
  return lines.map((line) => {
    const colon = line.indexOf(':')
    return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
}

/** Polls until `condition` holds; fails with `what` after `deadline` milliseconds. */
export async function until(condition: () => boolean, what: string, deadline = 5000): Promise<void> {
  const end = performance.now() + deadline
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadline} ms in vain for: ${what}`)
    await sleep(5)
  }
}
