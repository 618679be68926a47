/**
 * Heimdall with Redis and Postgres: sessions, API keys, a shared limit, and both stores away.
 *
 * A value of the directory is believed for five seconds in memory and as long in Redis, by the moment it was read.
 * So a session comes from memory when it was used a moment ago; from Redis when this gateway knew it, has it no longer,
 * and another one has read it meanwhile; and from Postgres when this gateway never met it, which goes past Redis.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

import { eventually, freePort, steadyPort } from '../../../test/support/processes.ts'
import type { Candidate, Headers, Once, Plan } from '../candidate.ts'
import { noStores } from '../directory.ts'
import { heimdallFile, type HeimdallOptions, type Ports } from '../files/heimdall.ts'
import { passOnce } from '../loads.ts'
import type { Running } from '../start.ts'
import { statusOf } from '../status.ts'
import { PATH, type World } from '../world.ts'
import { serveCommand } from './gateway.ts'
import { forged, good } from './proxies.ts'

const FORGOTTEN = 8000 // milliseconds: five, and what the pass in between may take
const cookie = (value: string): Headers => ({ Cookie: `heimdall_session=${value}` })
const nobody = () => cookie(`hs_${'A'.repeat(43)}`)

function withStores(options: HeimdallOptions) {
  return async (world: World, ports: Ports) =>
    serveCommand(heimdallFile(world, ports, { ...options, stores: await world.stores() }))
}

const withSessions = {
  group: 'stores',
  needs: ['redis', 'postgres'],
  missing: noStores,
  bad: nobody,
  command: withStores({ authenticate: 'login' }),
} as const

async function manySessions(world: World, list: Once['list']): Promise<Once> {
  const { session } = await world.stores()
  return { kind: 'once', path: PATH, header: 'Cookie', sample: cookie(session)['Cookie'] ?? '', list }
}

/** The sessions that a gateway is asked for again and again, in one file. */
const again = new WeakMap<World, Promise<string>>()

function sameSessions(world: World, { sessions }: Plan): Promise<string> {
  const list = again.get(world) ?? world.stores().then((stores) => stores.sessions(sessions))
  again.set(world, list)
  return list
}

/** Another gateway, which reads all of the sessions before each round, and so puts them into Redis. */
async function readByAnother(world: World, { traffic }: Running): Promise<() => Promise<void>> {
  const ports = { listen: await steadyPort(), probes: await steadyPort() }
  world.children.launch('load', await withSessions.command(world, ports))
  const url = `http://127.0.0.1:${ports.listen}${PATH}`
  const { header, sample, list } = traffic as Once
  await eventually('the other gateway serves', async () => (await statusOf(url, { [header]: sample })) === 200, 15_000)
  let last = -Infinity
  return async () => {
    await sleep(Math.max(0, last + FORGOTTEN - performance.now()))
    await passOnce(world.children, { url, header, file: await list(0) })
    last = performance.now()
  }
}

export const directory: readonly Candidate[] = [
  {
    ...withSessions,
    id: 'session',
    title: 'session known to memory',
    quick: true,
    traffic: async (world) => ({ kind: 'same', path: PATH, headers: cookie((await world.stores()).session) }),
  },
  {
    ...withSessions,
    id: 'session-redis',
    title: 'every session from Redis',
    traffic: (world, plan) => manySessions(world, () => sameSessions(world, plan)),
    ready: readByAnother,
  },
  {
    ...withSessions,
    id: 'session-postgres',
    title: 'every session from Postgres, never met before',
    traffic: (world, plan) => manySessions(world, async () => (await world.stores()).sessions(plan.sessions)),
  },
  {
    ...withSessions,
    id: 'api-key',
    title: 'API key known to memory',
    bad: () => ({ 'X-API-Key': `hd_aaaaaaaaaaaa_${'A'.repeat(43)}` }),
    traffic: async (world) => ({
      kind: 'same',
      path: PATH,
      headers: { 'X-API-Key': (await world.stores()).apiKey },
    }),
    command: withStores({ authenticate: 'keys' }),
  },
  {
    ...withSessions,
    id: 'redis-limit',
    group: 'limits',
    title: 'a local limit and one shared in Redis',
    quick: true,
    paced: true,
    bad: forged,
    traffic: (world) => ({ kind: 'same', path: PATH, headers: good(world) }),
    command: withStores({ limits: ['per-subject', 'fleet'] }),
  },
  {
    id: 'stores-down',
    group: 'stores',
    title: 'RS256 seen before, shared limit, Redis and Postgres away',
    bad: forged,
    traffic: (world) => ({ kind: 'same', path: PATH, headers: good(world) }),
    async command(world, ports) {
      const [redis, postgres] = [await freePort(), await freePort()]
      const stores = {
        redis: `redis://127.0.0.1:${redis}`,
        postgres: `postgres://gateway@127.0.0.1:${postgres}/postgres`,
      }
      return serveCommand(heimdallFile(world, ports, { limits: ['per-subject', 'fleet'], stores }))
    },
  },
]
