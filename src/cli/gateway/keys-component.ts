/**
 * How the issuers' keys fare, for `/readyz`.
 *
 * @module
 */
import type { KeySets } from '#authn/key-sets.ts'
import type { Component, ComponentStatus } from '#http/health.ts'

/**
 * Down until the keys of every issuer have arrived, and when those of one are too old to be believed.
 * Degraded while old keys stand in, and while an issuer that a reload added cannot be reached:
 * one new line in the file must not take every gateway out of the balancer.
 */
export function keysComponent(keySets: Pick<KeySets, 'status'>): Component {
  let complete = false

  const fare = (): ComponentStatus => {
    const sets = keySets.status()
    if (sets.length === 0) return { status: 'disabled' }
    complete ||= sets.every((set) => set.ready)
    const facts = Object.fromEntries(sets.map((set) => [set.authenticator, set.last_error ?? 'current']))
    const isNew = (age: number | undefined) => complete && age === undefined
    if (sets.some((set) => !set.ready && !isNew(set.age_ms))) return { status: 'down', ...facts }
    const whole = sets.every((set) => set.ready && set.last_error === undefined)
    return { status: whole ? 'up' : 'degraded', ...facts }
  }

  return { name: 'keys', required: true, check: fare }
}
