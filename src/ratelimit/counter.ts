/**
 * A counter: where one limit's windows are kept, by key. Memory and Redis give the same answers (`test/contract`).
 *
 * @module
 */
import type { Eventually } from '#request/verdict.ts'

import type { Taken } from './window.ts'

export interface Counter {
  /** Counts one request under a key, unless the quota is used up. Rejects when the store fails, never for a refusal. */
  take(key: string): Eventually<Taken>
  /** Takes a request out again that `take` let pass; never fails, since its request is already refused. */
  giveBack(key: string, at: number): void
}
