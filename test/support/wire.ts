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

/** Waits until a number has not changed over twenty looks, a tenth of a second at the least. */
export async function standsStill(read: () => number, what: string): Promise<void> {
  let last = read()
  let same = 0
  await until(() => {
    const now = read()
    same = now === last ? same + 1 : 0
    last = now
    return same >= 20
  }, `${what} to stand still`)
}
