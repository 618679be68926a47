/**
 * How the issuers' keys fare, for `/readyz`.
 *
 * @module
 */
import type { KeySets } from '#authn/key-sets.ts'
import type { Component, ComponentStatus } from '#http/health.ts'

/** Down while some issuer's keys never arrived: its tokens could only be refused. Degraded while old keys stand in. */
export function keysComponent(keySets: KeySets): Component {
  return { name: 'keys', required: true, check: () => fare(keySets) }
}

function fare(keySets: KeySets): ComponentStatus {
  const sets = keySets.status()
  const facts = Object.fromEntries(sets.map((set) => [set.authenticator, set.last_error ?? 'current']))
  if (sets.length === 0) return { status: 'disabled' }
  if (sets.some((set) => !set.ready)) return { status: 'down', ...facts }
  return { status: sets.some((set) => set.last_error !== undefined) ? 'degraded' : 'up', ...facts }
}
