/**
 * Credentials of the identities, as header lines: made, renewed and ended as an issuer and a sign-in service do.
 *
 * @module
 */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { sql } from 'kysely'

import { newApiKey, newSession } from '#directory/secrets.ts'
import { connectPostgres } from '#stores/postgres.ts'
import { createApiKey, createSession, grant, upsertUser } from '#stores/writes.ts'
import { silent } from '#telemetry/log.ts'

import { token, type Signer } from '../../test/support/tokens.ts'
import { kindOf, subjectOf } from './people.ts'
import type { Plan } from './plan.ts'

/** Of tokens and sessions, in milliseconds: no run is longer. */
const LIFETIME = 3_500_000

/** What the directory was filled with. */
export interface Secrets {
  /** By identity: the line of its header, and the id of its row. */
  readonly lines: readonly (readonly [identity: number, line: string, id: string])[]
}

export interface Credentials {
  /** Header line of an identity. */
  lineOf(identity: number): string
  /** Gives an identity a new one of its kind; one that is not known yet joins. */
  renew(identity: number, joins: boolean): Promise<void>
  /** Ends the session of an identity; resolves when the directory has it. */
  end(identity: number): Promise<void>
}

/** Signs the tokens, and reads the secrets of all others. */
export function makeCredentials(plan: Plan): Credentials {
  const key = createPrivateKey({ key: plan.signer.jwk, format: 'jwk' })
  const signer: Signer = { alg: 'ES256', kid: plan.signer.kid, key, jwk: {} }
  const { db } = connectPostgres(plan.postgres, { log: silent, timeout: 10_000, connections: 4 })
  const lines = new Map<number, string>()
  const ids = new Map<number, string>()
  let made = 0

  const bearer = (identity: number): string => {
    const [subject, seconds] = [subjectOf(identity), Math.floor(Date.now() / 1000)]
    const person = { sub: subject, email: `${subject}@acme.test`, name: `Person ${identity}`, jti: `id-${(made += 1)}` }
    const grants = { roles: ['reader'], permissions: ['orders:read'], scope: 'openid profile orders' }
    const claims = {
      iss: plan.issuer,
      aud: 'orders-api',
      iat: seconds,
      exp: seconds + LIFETIME / 1000,
      ...person,
      ...grants,
    }
    return `Authorization: Bearer ${token(signer, claims)}`
  }
  const put = (identity: number, line: string, id: string) => {
    lines.set(identity, line)
    ids.set(identity, id)
  }

  for (const one of (JSON.parse(readFileSync(plan.secrets, 'utf8')) as Secrets).lines) put(...one)
  for (let identity = 0; identity < plan.identities; identity += 1)
    if (kindOf(identity) === 'token') lines.set(identity, bearer(identity))

  const newLine = {
    token: (identity: number) => Promise.resolve(void lines.set(identity, bearer(identity))),
    async session(identity: number, joins: boolean) {
      const [subject, secret] = [subjectOf(identity), newSession()]
      if (joins) {
        await upsertUser(db, { id: subject })
        await grant(db, { issuer: 'heimdall', subject }, { roles: ['reader'] })
      }
      await createSession(db, secret, { subject, expires_at: Date.now() + LIFETIME })
      put(identity, `Cookie: heimdall_session=${secret.value}`, secret.id)
    },
    async key(identity: number) {
      const secret = newApiKey()
      await createApiKey(db, secret, { subject: subjectOf(identity), permissions: ['orders:read'] })
      put(identity, `X-API-Key: ${secret.value}`, secret.id)
    },
  }

  return {
    lineOf: (identity) => lines.get(identity) ?? '',
    renew: (identity, joins) => newLine[kindOf(identity)](identity, joins),
    async end(identity) {
      const ended = db.updateTable('heimdall.sessions').set({ revoked_at: sql`now()` })
      await ended.where('id', '=', ids.get(identity) ?? '').execute()
    },
  }
}
