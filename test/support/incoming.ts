/**
 * Admitted requests and principals for tests of what comes after admission.
 *
 * @module
 */
import assert from 'node:assert/strict'

import { admit } from '#request/admit.ts'
import type { Incoming, RawRequest } from '#request/incoming.ts'
import type { Principal } from '#request/principal.ts'

/** A request as the listener hands it over; `headers` are names and values in turn, after a `Host`. */
export function rawRequest(part: Partial<RawRequest> = {}): RawRequest {
  const headers = ['Host', 'api.test', ...(part.headers ?? [])]
  return { method: 'GET', url: '/', version: '1.1', peer: '192.0.2.1', encrypted: false, ...part, headers }
}

/** The same, admitted. */
export function incoming(part: Partial<RawRequest> = {}): Incoming {
  const admitted = admit(rawRequest(part))
  assert.equal(admitted.kind, 'pass')
  return admitted.value
}

/** Alice, proved by a token of `https://id.test`. */
export function principal(part: Partial<Principal> = {}): Principal {
  return Object.freeze({
    issuer: 'https://id.test',
    subject: 'alice',
    authenticator: 'acme',
    scheme: 'jwt',
    roles: [],
    permissions: [],
    scopes: [],
    groups: [],
    claims: {},
    ...part,
  } satisfies Principal)
}
