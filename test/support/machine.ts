/**
 * How busy the machine is with other things than the test.
 *
 * @module
 */
import { availableParallelism, loadavg } from 'node:os'

/** True when it has more to do than the tests, one after another, give it: then figures of time prove little. */
export function isBusy(): boolean {
  return (loadavg()[0] ?? 0) > 1.5 * availableParallelism()
}
