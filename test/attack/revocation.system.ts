/**
 * What was taken away is gone everywhere within five seconds (C2, C3), however hot it is in the caches of two gateways,
 * whatever state Redis is in, and once gone it does not come back; what was refused and then granted is not refused for longer.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { grant, revokeApiKey, setRole, upsertUser } from '#stores/writes.ts'

import { ask, outcomeOf, type AskHeaders } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { noRedis } from '../support/redis.ts'
import { startPair, type GatewayPair } from '../support/gateway-pair.ts'

/** The documented bound, and what asking may take on a busy machine. */
const BOUND = 5000 + 500
const AFTER = 2000 // milliseconds to go on asking once both gateways have changed their mind

/** One fact that changes while a credential that rests on it is asked with all the time. */
interface Change {
  readonly headers: AskHeaders
  readonly line: string
  readonly from: string
  /** More than one where two lookups learn of it, each at its time. */
  readonly to: readonly string[]
  make(): Promise<unknown>
}

const file = `
roles: { reader: ["orders:read"] }
routes:
  - { path: /me }
  - { path: /roles, require: { roles: [admin] } }
  - { path: /orders, require: { permissions: ["orders:write"] } }
`

suite('C2 C3: what was taken away', { skip: noPostgres || noRedis }, () => {
  const keep = keeper()
  let pair: GatewayPair
  let made = 0

  before(async () => {
    pair = await startPair(keep, { file })
  })

  /** Everything that can be taken from somebody, or given, each on people of its own. */
  const changes = async (): Promise<Record<string, Change>> => {
    const { directory, issuer } = pair
    const { db } = directory
    const turn = (made += 1)
    const person = async (name: string) => {
      const id = `${name}-${turn}`
      await upsertUser(db, { id })
      return { id, cookie: { Cookie: `heimdall_session=${(await directory.session(id)).value}` } }
    }
    const taken = async (subject: string, from: string = 'heimdall') =>
      db.deleteFrom('heimdall.grants').where('issuer', '=', from).where('subject', '=', subject).execute()

    const ended = await directory.session((await person('ended')).id)
    const key = await directory.apiKey({ subject: 'robot' })
    const [disabled, demoted, promoted] = [await person('disabled'), await person('demoted'), await person('promoted')]
    await grant(db, { issuer: 'heimdall', subject: demoted.id }, { roles: ['admin'] })
    const role = `writer-${turn}`
    const writer = await person('writer')
    await setRole(db, role, ['orders:write'])
    await grant(db, { issuer: 'heimdall', subject: writer.id }, { roles: [role] })
    const holder = `holder-${turn}`
    await grant(db, { issuer: issuer.name, subject: holder }, { roles: ['admin'] })
    const banned = `banned-${turn}`

    const session = { Cookie: `heimdall_session=${ended.value}` }
    const denied = '403 permission_denied'
    return {
      'a session that ends': {
        headers: session,
        line: 'GET /me',
        from: '200',
        to: ['401 invalid_session'],
        make: () => directory.endSession(ended.id),
      },
      'a key that is revoked': {
        headers: { 'X-API-Key': key.value },
        line: 'GET /me',
        from: '200',
        to: ['401 invalid_api_key'],
        make: () => revokeApiKey(db, key.id),
      },
      'a person who is disabled': {
        headers: disabled.cookie,
        line: 'GET /me',
        from: '200',
        to: ['401 invalid_session', denied],
        make: () => upsertUser(db, { id: disabled.id, state: 'disabled' }),
      },
      'a role that is taken away': {
        headers: demoted.cookie,
        line: 'GET /roles',
        from: '200',
        to: [denied],
        make: () => taken(demoted.id),
      },
      'a permission that a role loses': {
        headers: writer.cookie,
        line: 'GET /orders',
        from: '200',
        to: [denied],
        make: () => setRole(db, role, []),
      },
      'a role that a token holder loses': {
        headers: issuer.as(holder),
        line: 'GET /roles',
        from: '200',
        to: [denied],
        make: () => taken(holder, issuer.name),
      },
      'a token holder who is disabled': {
        headers: issuer.as(banned),
        line: 'GET /me',
        from: '200',
        to: [denied],
        make: () => upsertUser(db, { id: banned, issuer: issuer.name, state: 'disabled' }),
      },
      'a role that is given after a refusal': {
        headers: promoted.cookie,
        line: 'GET /roles',
        from: denied,
        to: ['200'],
        make: () => grant(db, { issuer: 'heimdall', subject: promoted.id }, { roles: ['admin'] }),
      },
    }
  }

  /** Asks both gateways without a pause, makes the change, and answers how long each held on to the old verdict. */
  const held = async (name: string, change: Change): Promise<number[]> => {
    let changedAt = Infinity
    const follow = async (at: TestGateway) => {
      let turned = 0
      for (;;) {
        const asked = performance.now()
        const said = outcomeOf(await ask(at, change.line, change.headers))
        if (change.to.includes(said)) turned = turned === 0 ? performance.now() : turned
        else assert.equal(said, change.from, name)
        assert.ok(change.to.includes(said) || turned === 0, `${name}: ${said} again after ${change.to.join()}`)
        assert.ok(asked - changedAt < BOUND || turned !== 0, `${name}: still ${said} after ${asked - changedAt} ms`)
        if (turned !== 0 && performance.now() - turned > AFTER) return turned - changedAt
        await sleep(20)
      }
    }
    const following = [pair.first, pair.second].map(follow)
    await sleep(1000)
    await change.make()
    changedAt = performance.now()
    return Promise.all(following)
  }

  const states: Readonly<
    Record<string, readonly [begin: () => void | Promise<unknown>, end: () => void | Promise<unknown>]>
  > = {
    'with Redis as it should be': [() => {}, () => {}],
    'while Redis hangs': [() => pair.redis.pause(), () => pair.redis.resume()],
    'while Redis comes and goes': [
      () => {
        flapping = setInterval(() => {
          pair.redis.pause()
          setTimeout(() => pair.redis.resume(), 150)
        }, 400)
      },
      () => clearInterval(flapping),
    ],
    'while Redis is gone': [() => pair.redis.crash(), () => pair.redis.restart()],
  }
  let flapping: NodeJS.Timeout | undefined

  for (const [state, [begin, end]] of Object.entries(states))
    test(`C2 C3: is gone at two gateways within five seconds, ${state}, and stays gone`, async () => {
      const all = Object.entries(await changes())
      // hot in memory and in Redis before anything happens
      for (const at of [pair.first, pair.second, pair.first])
        for (const [name, { line, headers, from }] of all)
          assert.equal(outcomeOf(await ask(at, line, headers)), from, name)
      await begin()
      try {
        const times = await Promise.all(all.map(([name, change]) => held(name, change)))
        const longest = Math.max(...times.flat())
        assert.ok(longest < BOUND, `${longest} ms`)
        report('C3', { state, changes: all.length, longest_ms: longest })
      } finally {
        await end()
      }
      for (const at of [pair.first, pair.second]) assert.equal(at.errors(), '')
    })
})
