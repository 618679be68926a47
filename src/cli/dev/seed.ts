/**
 * Seeding: gives the demo's database its people, roles, a session and an API key.
 *
 * @module
 */
import type { Kysely } from 'kysely'

import { newApiKey, newSession } from '#directory/secrets.ts'
import { OWN_ISSUER } from '#request/principal.ts'
import { migrate } from '#stores/migrations.ts'
import type { Tables } from '#stores/schema.ts'
import { createApiKey, createSession, grant, setRole, upsertUser } from '#stores/writes.ts'

import { DEMO_ISSUER } from './issuer.ts'
import { demoRoles, people, type DemoPerson } from './people.ts'
import type { DemoSecrets } from './tour.ts'

const LIFETIME = 12 * 3_600_000 // milliseconds that the session and the key of one start are good

/**
 * Brings the tables up to date and the demo people into them; doing it again changes nothing but the secrets.
 *
 * @param now milliseconds since the epoch
 */
export async function seed(db: Kysely<Tables>, now: number): Promise<DemoSecrets> {
  await migrate(db)
  for (const [role, permissions] of Object.entries(demoRoles)) await setRole(db, role, permissions)
  for (const person of people) await seedPerson(db, person)
  const expires_at = now + LIFETIME
  const session = newSession()
  const key = newApiKey()
  await createSession(db, session, { subject: 'alice', expires_at })
  await createApiKey(db, key, { subject: 'alice', name: 'demo', permissions: ['orders:read'], expires_at })
  return { session: session.value, api_key: key.value }
}

/** A person of the directory, and the same person as the local issuer knows them: two identities with the same grants. */
async function seedPerson(db: Kysely<Tables>, { id, name, email, role }: DemoPerson): Promise<void> {
  for (const issuer of [OWN_ISSUER, DEMO_ISSUER]) {
    await upsertUser(db, { id, issuer, name, email })
    await grant(db, { issuer, subject: id }, { roles: [role] })
  }
}
