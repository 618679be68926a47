/**
 * Ends what a suite started, last first, also when its set-up failed half-way.
 *
 * @module
 */
import { after } from 'node:test'

interface Endable {
  end?(): Promise<unknown>
  stop?(): Promise<unknown>
  close?(): Promise<unknown>
}

/** Called inside a suite; pass everything that must end through the function it returns. */
export function keeper(): <T extends Endable>(started: T) => T {
  const open: Endable[] = []
  after(async () => {
    for (const one of open.toReversed()) await (one.end?.() ?? one.stop?.() ?? one.close?.())
  })
  return (started) => {
    open.push(started)
    return started
  }
}
