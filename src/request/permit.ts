/**
 * The permit: without one nothing can be forwarded, because `forward` asks for it by type.
 *
 * Only `authz/` calls `issuePermit` (a test holds this), so there is no way through the code
 * that skips authorization; public routes get a permit too, without a principal.
 *
 * @module
 */
import type { Principal } from './principal.ts'

declare const permitted: unique symbol

export interface Permit {
  readonly [permitted]: true
  /** Absent on public routes and for anonymous requests to `optional` ones. */
  readonly principal: Principal | undefined
}

/** Makes a permit; called by `authz/authorize.ts` alone. */
export function issuePermit(principal: Principal | undefined): Permit {
  return { principal } as Permit
}
