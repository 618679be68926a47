/**
 * Redis and Postgres of a run, with the sessions and keys that the gateways look up.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { newSession } from '#directory/secrets.ts'
import { OWN_ISSUER } from '#request/principal.ts'
import { grant, upsertUser } from '#stores/writes.ts'

import { noPostgres, startPostgres } from '../../test/support/postgres.ts'
import { childrenOf } from '../../test/support/processes.ts'
import { noRedis, startRedis } from '../../test/support/redis.ts'
import { storeDirectory } from '../../test/support/stored-directory.ts'
import { layout } from './children.ts'

const AT_ONCE = 1000 // rows of a statement
const HOURS_2 = 7_200_000

export interface Stores {
  /** URLs, for the file. */
  readonly redis: string
  readonly postgres: string
  /** Of alice: a session and an API key. */
  readonly session: string
  readonly apiKey: string
  /** Writes a file of new sessions of alice, a cookie a line; its path. */
  sessions(count: number): Promise<string>
  stop(): Promise<void>
}

/** Why they cannot be had. */
export function noStores(): string | undefined {
  const reasons = [noRedis, noPostgres].filter((reason) => reason !== false)
  return reasons.length === 0 ? undefined : reasons.join('; ')
}

/** Starts both on the cores of the load. */
export async function startStores(folder: string): Promise<Stores> {
  const redis = await startRedis()
  const postgres = await startPostgres()
  for (const pid of childrenOf(process.pid)) pinServers(pid)
  const directory = await storeDirectory(postgres.url)
  await upsertUser(directory.db, { id: 'alice' })
  await grant(directory.db, { issuer: OWN_ISSUER, subject: 'alice' }, { permissions: ['items:read', 'items:write'] })
  let lists = 0
  return {
    redis: redis.url,
    postgres: directory.url,
    session: (await directory.session('alice', HOURS_2)).value,
    apiKey: (await directory.apiKey({ subject: 'alice', permissions: ['items:read'] })).value,
    async sessions(count) {
      lists += 1
      const file = join(folder, `sessions-${lists}.txt`)
      const made = Array.from({ length: count }, () => newSession())
      const expires_at = new Date(Date.now() + HOURS_2)
      for (let from = 0; from < count; from += AT_ONCE) {
        const rows = made.slice(from, from + AT_ONCE)
        const values = rows.map(({ id, digest }) => ({ id, digest, subject: 'alice', expires_at, revoked_at: null }))
        await directory.db.insertInto('heimdall.sessions').values(values).execute()
      }
      writeFileSync(file, made.map(({ value }) => `heimdall_session=${value}\n`).join(''))
      return file
    },
    async stop() {
      await directory.close()
      await postgres.stop()
      await redis.stop()
    },
  }
}

/** Their later children inherit it. */
function pinServers(pid: number): void {
  for (const one of [pid, ...childrenOf(pid)])
    execFileSync('taskset', ['-acp', layout.load, String(one)], { stdio: 'ignore' })
}
