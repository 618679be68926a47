/** What it costs to know who asks when memory knows the credential: a token's signature, a session and its grants. @module */
import { authenticate } from '#authn/authenticate.ts'
import { createLookups } from '#authn/lookups.ts'
import { buildSchemes, authenticatorSchema } from '#authn/schemes.ts'
import { newSession } from '#directory/secrets.ts'
import { unhindered } from '#request/asker.ts'
import { newEvidence } from '#request/evidence.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { issuer } from '../issuer.ts'
import { subject, type Question, type Subject } from '../question.ts'
import { admitted } from '../wire.ts'

/** Authenticates once, so that memory knows, and then again and again. */
async function seen(written: unknown, headers: readonly string[]): Promise<Subject> {
  const metrics = createMetrics()
  const reads = {
    session: async (digest: string) => ({ id: digest.slice(0, 12), subject: 'alice', ...lasting, ...nobodysFacts }),
    apiKey: async () => undefined,
    grants: async () => ({ roles: ['user'], permissions: ['orders:read'], active: true }),
  }
  // A clock that hardly moves: what is measured is memory that knows, not how long it may.
  const lookups = createLookups({ reads, clock: () => performance.now() / 1e6, metrics, log: silent })
  const deps = { clock: Date.now, keySets: issuer().keySets, lookups, metrics, log: silent }
  const parsed = authenticatorSchema.parse(written)
  const schemes = buildSchemes({ acme: parsed }, deps, { roles: {}, claims: [] })
  const stage = authenticate([...schemes.values()], { optional: false, public: false, stale: 'deny' })

  const requests = admitted({ url: '/orders', headers })
  for (const request of requests(2)) {
    const verdict = await stage(request, newEvidence('r', 't'), unhindered)
    if (verdict.kind === 'deny') throw new TypeError(verdict.note)
  }
  return subject(
    (count) => requests(count).map((request) => ({ request, evidence: newEvidence('r', 't') })),
    ({ request, evidence }) => stage(request, evidence, unhindered),
  )
}

const lasting = { expires_at: 4e12, revoked: false, active: true }
const nobodysFacts = { email: null, name: null, tenant: null }

export const authn: readonly Question[] = [
  {
    name: 'authn/jwt',
    asks: 'to know a token seen before',
    prepare: () => seen(issuer().authenticator, ['Authorization', `Bearer ${issuer().token}`]),
  },
  {
    name: 'authn/session',
    asks: 'to know a session and its grants',
    prepare: () => seen({ session: {} }, ['Cookie', `theme=dark; heimdall_session=${newSession().value}`]),
  },
]
