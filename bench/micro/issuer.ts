/**
 * An issuer with one RS256 key, and a token of usual size.
 *
 * @module
 */
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createKeySets, type KeySets } from '#authn/key-sets.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { signer, token } from '../../test/support/tokens.ts'

export interface BenchIssuer {
  /** As the file would have it. */
  readonly authenticator: unknown
  readonly token: string
  readonly keySets: KeySets
}

let made: BenchIssuer | undefined

/** The one issuer of this process. */
export function issuer(): BenchIssuer {
  made ??= make()
  return made
}

function make(): BenchIssuer {
  const [iss, aud] = ['https://id.bench.test', 'bench']
  const path = join(tmpdir(), `heimdall-bench-jwks-${process.pid}.json`)
  writeFileSync(path, JSON.stringify({ keys: [signer('RS256').jwk] }))
  process.once('exit', () => rmSync(path, { force: true }))
  const now = Math.floor(Date.now() / 1000)
  const grants = { roles: ['user'], permissions: ['orders:read', 'orders:write'], scope: 'openid profile' }
  const claims = { iss, aud, sub: 'alice', iat: now, exp: now + 3600, email: 'alice@acme.test', ...grants }
  return {
    authenticator: { jwt: { issuer: iss, audience: aud, jwks_file: path } },
    token: token(signer('RS256'), claims),
    keySets: createKeySets({ metrics: createMetrics(), log: silent }),
  }
}
