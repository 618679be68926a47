/**
 * Ends what a suite started, last first, also when its set-up failed half-way.
 *
 * @module
 */
import { after } from 'node:test'

/** What can be ended, in one way or another. */
export interface Endable {
  end?(): Promise<unknown>
  stop?(): Promise<unknown>
  close?(): Promise<unknown>
}

/** Keeps what it is given for the end of the suite, and gives it back. */
export type Keep = <T extends Endable>(started: T) => T

/** Called inside a suite; pass everything that must end through the function it returns. */
export function keeper(): Keep {
  const open: Endable[] = []
  after(async () => {
    for (const one of open.toReversed()) await (one.end?.() ?? one.stop?.() ?? one.close?.())
  })
  return (started) => {
    open.push(started)
    return started
  }
}
