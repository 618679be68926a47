/**
 * The mixture of requests under which neighbours fail: 70 % tokens that are known, and 10 % each of new tokens,
 * sessions and API keys, all of a few people; beside them strangers, whose requests must never arrive.
 *
 * @module
 */
import { newApiKey, newSession } from '#directory/secrets.ts'
import { grant, upsertUser } from '#stores/writes.ts'

import type { TestIssuer } from './issuer.ts'
import type { Ask } from './load.ts'
import type { StoredDirectory } from './stored-directory.ts'
import { newSigner, token } from './tokens.ts'
import { expecting } from './witness.ts'

const PEOPLE = 10
const PERMISSION = 'orders:read'

/** Kinds of requests that have a right to be answered. */
export const kinds = ['token', 'new token', 'session', 'key'] as const

/** What the request of a number is. */
export type Mixture = (turn: number) => Ask

/** Makes the people, and the requests that they send to `/token`, `/session` and `/key`. */
export async function mixture(directory: StoredDirectory, issuer: TestIssuer): Promise<Mixture> {
  const people = await Promise.all(Array.from({ length: PEOPLE }, (_, index) => person(index, directory, issuer)))
  return (turn) => {
    const one = people[turn % PEOPLE]
    const kind = Math.floor(turn / PEOPLE) % PEOPLE // each person goes through all kinds
    if (one === undefined) throw new RangeError('nobody')
    if (kind < 7) return one.known()
    return [one.fresh, one.session, one.key][kind - 7]?.(turn) ?? one.known()
  }
}

/** What the service must be told of the person of a number who comes with a token. */
export function byTokenOf(index: number, issuer: string): Readonly<Record<string, string>> {
  return expecting({ issuer, subject: `person-${index}`, authenticator: 'acme', permissions: PERMISSION })
}

/** What it must be told of one who comes with a key. */
export function byKeyOf(index: number): Readonly<Record<string, string>> {
  const permissions = PERMISSION
  return expecting({ issuer: 'heimdall', subject: `person-${index}`, authenticator: 'keys', permissions })
}

/** What it must be told of one who comes with a session. */
export function bySessionOf(index: number): Readonly<Record<string, string>> {
  return expecting({
    issuer: 'heimdall',
    subject: `person-${index}`,
    authenticator: 'login',
    roles: `role-${index}`,
  })
}

async function person(index: number, { db, ...directory }: StoredDirectory, issuer: TestIssuer) {
  const subject = `person-${index}`
  await upsertUser(db, { id: subject })
  await grant(db, { issuer: 'heimdall', subject }, { roles: [`role-${index}`] })
  const claims = { permissions: [PERMISSION] }
  const byToken = byTokenOf(index, issuer.name)
  const bySession = bySessionOf(index)
  const byKey = byKeyOf(index)
  const session = `heimdall_session=${(await directory.session(subject)).value}`
  const key = (await directory.apiKey({ subject, permissions: [PERMISSION] })).value
  let [known, signedAt, signer] = [issuer.as(subject, claims), performance.now(), issuer.signer]
  const renewed = () => {
    if (performance.now() - signedAt > 120_000 || signer !== issuer.signer)
      [known, signedAt, signer] = [issuer.as(subject, claims), performance.now(), issuer.signer]
    return known
  }
  const path = { token: '/token', session: '/session', key: '/key' }
  return {
    known: (): Ask => ({ kind: 'token', path: path.token, headers: { ...byToken, ...renewed() } }),
    fresh: (turn: number): Ask => {
      const jti = `${subject}-${turn}-${performance.now()}`
      return { kind: 'new token', path: path.token, headers: { ...byToken, ...issuer.as(subject, { ...claims, jti }) } }
    },
    session: (): Ask => ({ kind: 'session', path: path.session, headers: { ...bySession, Cookie: session } }),
    key: (): Ask => ({ kind: 'key', path: path.key, headers: { ...byKey, 'X-API-Key': key } }),
  }
}

/** What strangers send: nothing, what is false, what is not for us, what nobody handed out. */
export function strangers(issuer: TestIssuer): Mixture {
  const forger = newSigner('ES256', issuer.signer.kid)
  const claims = { iss: issuer.name, sub: 'person-1', aud: 'orders-api', permissions: [PERMISSION] }
  const bearer = (text: string) => ({ Authorization: `Bearer ${text}` })
  const soon = () => Date.now() / 1000 + 60
  const ways: readonly ((turn: number) => Pick<Ask, 'path' | 'headers'>)[] = [
    () => ({ path: '/token' }),
    (turn) => ({ path: '/token', headers: bearer(token(forger, { ...claims, exp: soon(), jti: String(turn) })) }),
    () => ({ path: '/token', headers: bearer(token(forger, { ...claims, exp: soon() }, { alg: 'none' })) }),
    () => ({ path: '/token', headers: issuer.as('person-1', { aud: 'billing-api' }) }),
    () => ({ path: '/token', headers: issuer.as('person-1', { exp: Math.floor(Date.now() / 1000) - 3600 }) }),
    () => ({ path: '/token', headers: issuer.as('person-1') }), // no permission
    () => ({ path: '/session', headers: { Cookie: `heimdall_session=${newSession().value}` } }),
    () => ({ path: '/key', headers: { 'X-API-Key': newApiKey().value } }),
    () => ({ path: '/session', headers: { 'X-Heimdall-Subject': 'person-1' } }),
    () => ({ path: '/elsewhere', headers: issuer.as('person-1', { permissions: [PERMISSION] }) }),
  ]
  return (turn) => ({ kind: 'stranger', path: '/token', ...ways[turn % ways.length]?.(turn) })
}
