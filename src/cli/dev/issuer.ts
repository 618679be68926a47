/**
 * The local issuer of the demo: a key pair on disk and the tokens signed with it.
 *
 * The gateway reads only the public half (`jwks.json`); `heimdall token` reads only the private one,
 * so it works beside a running `heimdall dev`.
 *
 * @module
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose'

import type { DemoPerson } from './people.ts'

/** Where the demo keeps its state: in the folder it is started in. */
export const DEV_DIRECTORY = '.heimdall'

export const DEMO_ISSUER = 'https://issuer.heimdall.localhost'
const DEMO_AUDIENCE = 'heimdall-demo'
const ALGORITHM = 'ES256'
const LIFETIME = 15 * 60 // seconds

/** Makes the key pair under `directory` unless it is there. */
export async function ensureIssuer(directory: string): Promise<void> {
  const key = join(directory, 'key.json')
  const jwks = join(directory, 'jwks.json')
  if (existsSync(key) && existsSync(jwks)) return
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pair = await generateKeyPair(ALGORITHM, { extractable: true })
  const publicKey = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(publicKey)
  writeWhole(jwks, { keys: [{ ...publicKey, kid, alg: ALGORITHM, use: 'sig' }] }, 0o644)
  writeWhole(key, { ...(await exportJWK(pair.privateKey)), kid, alg: ALGORITHM }, 0o600)
}

/**
 * Signs an access token (RFC 9068) for a demo person, good for 15 minutes.
 *
 * @param now seconds since the epoch
 * @throws when the issuer has no key yet, because `heimdall dev` never ran here
 */
export async function mintToken(directory: string, person: DemoPerson, now: number): Promise<string> {
  const jwk = JSON.parse(readFileSync(join(directory, 'key.json'), 'utf8')) as JWK
  return new SignJWT({ name: person.name, email: person.email })
    .setProtectedHeader({ alg: ALGORITHM, typ: 'at+jwt', kid: jwk.kid ?? '' })
    .setIssuer(DEMO_ISSUER)
    .setAudience(DEMO_AUDIENCE)
    .setSubject(person.id)
    .setIssuedAt(now)
    .setExpirationTime(now + LIFETIME)
    .sign(await importJWK(jwk, ALGORITHM))
}

/** Writes beside and renames, so that a reader never sees half a file. */
function writeWhole(path: string, content: unknown, mode: number): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode })
  chmodSync(`${path}.new`, mode)
  renameSync(`${path}.new`, path)
}
