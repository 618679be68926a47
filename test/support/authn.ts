/**
 * Schemes under test, with a clock that stands still until it is told otherwise.
 *
 * @module
 */
import { createKeySets, type KeySets } from '#authn/key-sets.ts'
import { authenticatorSchema, buildSchemes } from '#authn/schemes.ts'
import type { Scheme } from '#authn/scheme.ts'
import type { StalePolicy } from '#cache/freshness.ts'
import { unhindered } from '#request/asker.ts'
import { newEvidence, type Evidence } from '#request/evidence.ts'
import type { Principal } from '#request/principal.ts'
import type { Attempt, Eventually } from '#request/verdict.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics, type Metrics } from '#telemetry/metrics.ts'

import { incoming } from './incoming.ts'
import { NOW } from './tokens.ts'

export interface AuthnBench {
  /** Wall clock, milliseconds. */
  now: number
  /** Added to the monotonic clock. */
  ahead: number
  readonly metrics: Metrics
  readonly keySets: KeySets
  /** Builds one authenticator from what the file would say. */
  scheme(name: string, written: unknown, roles?: Record<string, string[]>, claims?: string[]): Scheme
}

/** Everything a scheme is built from, without a directory. Close its key sets in the end. */
export function authnBench(): AuthnBench {
  const metrics = createMetrics()
  const bench: AuthnBench = {
    now: NOW,
    ahead: 0,
    metrics,
    keySets: createKeySets({ metrics, log: silent, monotonic: () => performance.now() + bench.ahead }),
    scheme(name, written, roles = {}, claims = []) {
      const parsed = authenticatorSchema.parse(written)
      const deps = { clock: () => bench.now, keySets: bench.keySets, lookups: undefined, metrics, log: silent }
      const scheme = buildSchemes({ [name]: parsed }, deps, { roles, claims }).get(name)
      if (scheme === undefined) throw new TypeError('no scheme')
      return scheme
    },
  }
  return bench
}

export const evidence = (): Evidence => newEvidence('request', '0'.repeat(32))

/** Sends a token to a scheme. */
export function present(
  scheme: Scheme,
  token: string,
  noted: Evidence = evidence(),
  stale: StalePolicy = 'deny',
): Eventually<Attempt<Principal>> {
  return scheme.attempt(incoming({ headers: ['Authorization', `Bearer ${token}`] }), noted, stale, unhindered)
}

/** Code of a refusal, `pass` or `skip`. */
export function outcomeOf(attempt: Attempt<unknown>): string {
  return attempt.kind === 'deny' ? attempt.code : attempt.kind
}
