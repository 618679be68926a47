/**
 * Requests as node:http hands them over: every string is new, so nothing of it has been hashed or compared before.
 *
 * @module
 */
import { admit } from '#request/admit.ts'
import type { Incoming, RawRequest } from '#request/incoming.ts'
import type { Principal } from '#request/principal.ts'

/** What an API's client sends. */
const usual = [
  ['Host', 'api.test'],
  ['User-Agent', 'curl/8.5.0'],
  ['Accept', 'application/json'],
  ['Accept-Encoding', 'gzip, br'],
  ['Accept-Language', 'en'],
  ['Cache-Control', 'no-cache'],
  ['Connection', 'keep-alive'],
  ['Referer', 'https://app.test/'],
].flat()

export interface Wire {
  readonly url: string
  /** Names and values in turn, after the usual ones. */
  readonly headers?: readonly string[]
}

/** Makes the maker of a request as it comes from the wire. */
export function fromWire({ url, headers = [] }: Wire): (count: number) => RawRequest[] {
  const [method, target] = [Buffer.from('GET'), Buffer.from(url)]
  const fields = [...usual, ...headers].map((text) => Buffer.from(text, 'latin1'))
  return (count) =>
    Array.from({ length: count }, () => ({
      method: method.toString('latin1'),
      url: target.toString('latin1'),
      version: '1.1',
      headers: fields.map((field) => field.toString('latin1')),
      peer: '192.0.2.1',
      encrypted: false,
    }))
}

/** The same, admitted. */
export function admitted(wire: Wire): (count: number) => Incoming[] {
  const raw = fromWire(wire)
  return (count) =>
    raw(count).map((one) => {
      const verdict = admit(one)
      if (verdict.kind === 'deny') throw new TypeError(verdict.note)
      return verdict.value
    })
}

/** Somebody with a little of everything. */
export const alice: Principal = Object.freeze({
  issuer: 'https://id.test',
  subject: 'alice',
  authenticator: 'acme',
  scheme: 'jwt',
  roles: ['user'],
  permissions: ['orders:read', 'orders:write'],
  scopes: ['openid'],
  groups: ['staff'],
  email: 'alice@acme.test',
  name: 'Alice',
  claims: {},
})
