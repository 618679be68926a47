/**
 * Forged API keys and sessions (J20, H6), cold, after a hit in memory and after a hit in Redis; and where their secrets may not be.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'

import { FRESH_FOR } from '#cache/freshness.ts'
import { cacheKey } from '#cache/key.ts'
import { digest } from '#directory/secrets.ts'
import { revokeApiKey, upsertUser } from '#stores/writes.ts'

import { ask, outcomeOf, type AskHeaders } from '../support/ask.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { noRedis } from '../support/redis.ts'
import type { Handed } from '../support/stored-directory.ts'
import { answersFrom, inRedis, startPair, type GatewayPair } from '../support/gateway-pair.ts'

type Pairs = readonly (readonly [string, string])[]

interface Forgery {
  readonly row: string
  readonly what: string
  /** Requests made from what was handed out, and from another of its kind. */
  readonly forge: (good: Handed, other: Handed) => readonly Pairs[]
  readonly refusal: string
}

const tailOf = (value: string) => value.slice(-43)
const changed = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
/** Other last characters that a lenient decoder reads as the same bytes. */
const twins = (value: string) =>
  Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
    .map((character) => value.slice(0, -1) + character)
    .filter((twin) => twin !== value && same(twin, value))
const same = (one: string, other: string) =>
  Buffer.from(tailOf(one), 'base64url').equals(Buffer.from(tailOf(other), 'base64url'))

/** Spellings of a secret that somebody might take for it. */
const spellings = (value: string): string[] => [
  ...twins(value),
  changed(value, value.length - 1),
  changed(value, value.length - 43),
  changed(value, value.length - 20),
  value.slice(0, -1),
  `${value}A`,
  `${value}=`,
  `"${value}"`,
  `Bearer ${value}`,
  value.toUpperCase(),
  value.toLowerCase(),
  value.replace('_', '%5F'),
  `${value.slice(0, 9)} ${value.slice(9)}`,
  tailOf(value),
  digest(value),
  `sha256:${digest(value)}`,
  value + value,
  '__proto__',
  '*',
  '%',
  "' or '1'='1",
]

const key = (value: string): Pairs => [['X-API-Key', value]]
const cookie = (value: string): Pairs => [['Cookie', `heimdall_session=${value}`]]
const bearer = (value: string): Pairs => [['Authorization', `Bearer ${value}`]]

const keyForgeries: readonly Forgery[] = [
  {
    row: 'J20',
    what: 'other spellings',
    forge: ({ value }) => spellings(value).map(key),
    refusal: '401 invalid_api_key',
  },
  {
    row: 'J20 CVE-2026-41263',
    what: 'no secret, or that of nobody',
    forge: ({ id }) =>
      [id, `hd_${id}`, `hd_${id}_`, `hd__`, 'hd_', '', ' ', '0'.repeat(64)]
        .map(key)
        .concat([key(`hd_${id}_${'A'.repeat(43)}`)]),
    refusal: '401 invalid_api_key',
  },
  {
    row: 'J20',
    what: 'the secret of another key',
    forge: ({ id, value }, other) => [
      key(`hd_${id}_${tailOf(other.value)}`),
      key(`hd_${other.id}_${tailOf(value)}`),
      key(`hd_${id.toUpperCase()}_${tailOf(value)}`),
      key(`hd_${'a'.repeat(12)}_${tailOf(value)}`),
    ],
    refusal: '401 invalid_api_key',
  },
  {
    row: 'J20',
    what: 'two keys',
    forge: ({ value }, other) => [
      [...key(value), ...key(other.value)],
      [...key(other.value), ...key(value)],
      [...key(''), ...key(value)],
      [...key(value), ['x-api-key', value]],
      key(`${value},${value}`),
    ],
    refusal: '401 invalid_api_key',
  },
  {
    row: 'J20',
    what: 'the key in other places',
    forge: ({ value }) => [[['X_API_Key', value]], [['X-API-Key-', value]], [['Cookie', `X-API-Key=${value}`]]],
    refusal: '401 no_credentials',
  },
  {
    row: 'J20',
    what: 'the key as a bearer token',
    forge: ({ value }) => [bearer(value)],
    refusal: '401 invalid_token',
  },
  { row: 'J20', what: 'the key as a session', forge: ({ value }) => [cookie(value)], refusal: '401 invalid_session' },
]

const sessionForgeries: readonly Forgery[] = [
  {
    row: 'H6 CVE-2026-25748',
    what: 'other spellings, and what is no session at all',
    forge: ({ value, id }) =>
      [...spellings(value), '%%%', '', 'null', 'undefined', 'hs_', `hs_${id}`, 'a.b.c'].map(cookie),
    refusal: '401 invalid_session',
  },
  {
    row: 'J20',
    what: 'two sessions',
    forge: ({ value }, other) => [
      [...cookie(value), ...cookie(other.value)],
      cookie(`${value}; heimdall_session=${other.value}`),
      cookie(`; heimdall_session=${value}`),
      [...cookie(other.value), ...bearer(value)],
      [...cookie('hs_x'), ...bearer(value)],
    ],
    refusal: '401 invalid_session',
  },
  {
    row: 'J20',
    what: 'the session under another name',
    forge: ({ value }) => [
      [['Cookie', `Heimdall_Session=${value}`]],
      [['Cookie', `__Host-heimdall_session=${value}`]],
      [['Cookie', `a="; heimdall_session=${value}`.replace('; ', ', ')]],
      [['X-Session', value]],
    ],
    refusal: '401 no_credentials',
  },
  { row: 'J20', what: 'the session as an API key', forge: ({ value }) => [key(value)], refusal: '401 invalid_api_key' },
]

suite('forged keys and sessions', { skip: noPostgres || noRedis }, () => {
  const keep = keeper()
  const secrets: string[] = []
  const answers: string[] = []
  let made: GatewayPair

  before(async () => {
    made = await startPair(keep, { file: 'routes: [{ path: /me }, { path: /open, public: true }]' })
    await upsertUser(made.directory.db, { id: 'alice' })
  })

  const present = async (headers: AskHeaders, at: TestGateway) => {
    const response = await ask(at, 'GET /me', [['__proto__', 'x'], ...(headers as Pairs)])
    answers.push(response.head + response.text)
    return outcomeOf(response)
  }

  const kinds = {
    api_key: {
      forgeries: keyForgeries,
      make: () => made.directory.apiKey({ subject: 'robot' }),
      headers: ({ value }: Handed) => key(value),
      cached: ({ id }: Handed) => cacheKey('api_key', id),
      subject: 'robot',
    },
    session: {
      forgeries: sessionForgeries,
      make: () => made.directory.session('alice'),
      headers: ({ value }: Handed) => cookie(value),
      cached: ({ value }: Handed) => cacheKey('session', digest(value)),
      subject: 'alice',
    },
  } as const

  type Kind = (typeof kinds)[keyof typeof kinds]

  /** A new secret, and one more of its kind. */
  const hand = async (kind: Kind) => {
    const [good, other] = [await kind.make(), await kind.make()]
    secrets.push(good.value, other.value)
    return [good, other] as const
  }
  const accepted = async (kind: Kind, good: Handed, at: TestGateway) => {
    assert.equal(await present(kind.headers(good), at), '200')
    assert.equal(made.upstream.requests.at(-1)?.header('x-heimdall-subject'), kind.subject)
  }
  const refused = async (forged: readonly Pairs[], refusal: string, at: TestGateway) => {
    const seen = made.upstream.requests.length
    for (const headers of forged) assert.equal(await present(headers, at), refusal, JSON.stringify(headers))
    assert.equal(made.upstream.requests.length, seen, 'the service was reached')
  }
  const cases = Object.entries(kinds).flatMap(([name, kind]) =>
    kind.forgeries.map((forgery) => ({ ...forgery, title: `${forgery.row}: ${name}: ${forgery.what}`, name, kind })),
  )

  for (const { title, kind, forge, refusal } of cases) {
    test(`${title}: cold`, async () => {
      const [good, other] = await hand(kind)
      await refused(forge(good, other), refusal, made.first)
      await accepted(kind, good, made.first)
    })

    test(`${title}: after a hit in memory`, async () => {
      const [good, other] = await hand(kind)
      for (const one of [good, good, other]) await accepted(kind, one, made.first)
      await refused(forge(good, other), refusal, made.first)
      await accepted(kind, good, made.first)
    })
  }

  suite('after a hit in Redis', () => {
    const handed = new Map<string, readonly [Handed, Handed]>()

    /** A gateway looks into Redis for what it has known: the second one knows all of them, and has to ask again. */
    before(async () => {
      for (const { title, kind } of cases) {
        const both = await hand(kind)
        for (const one of both) await accepted(kind, one, made.second)
        handed.set(title, both)
      }
      await sleep(FRESH_FOR)
    })

    for (const { title, name, kind, forge, refusal } of cases)
      test(title, async () => {
        const both = handed.get(title) ?? (await hand(kind))
        for (const one of both) {
          await accepted(kind, one, made.first)
          await inRedis(made, name, kind.cached(one))
        }
        const before = await answersFrom(made.second, name, 'l2')
        for (const one of both) await accepted(kind, one, made.second)
        assert.equal(await answersFrom(made.second, name, 'l2'), before + 2)
        await refused(forge(...both), refusal, made.second)
        await accepted(kind, both[0], made.second)
      })
  })

  test('J20 CVE-2026-21713: whatever is wrong with a key, it costs one question, and the same refusal', async () => {
    const { directory, first } = made
    const [wrong, revoked, late, disabled] = [
      await directory.apiKey({ subject: 'robot' }),
      await directory.apiKey({ subject: 'robot' }),
      await directory.apiKey({ subject: 'robot', expires_at: Date.now() - 1000 }),
      await directory.apiKey({ subject: 'gone' }),
    ]
    await revokeApiKey(directory.db, revoked.id)
    await upsertUser(directory.db, { id: 'gone', state: 'disabled' })
    const unknown = `hd_${'z'.repeat(12)}_${'A'.repeat(43)}`
    const asked = () => answersFrom(first, 'api_key', 'source')
    const told = new Set<string>()
    for (const value of [`hd_${wrong.id}_${'A'.repeat(43)}`, unknown, revoked.value, late.value, disabled.value]) {
      const before = await asked()
      for (let round = 0; round < 2; round += 1) {
        const response = await ask(first, 'GET /me', key(value))
        told.add(response.text.replace(/"request_id":"[^"]*"/, '') + response.header('www-authenticate'))
      }
      assert.equal((await asked()) - before, 1)
      secrets.push(value)
    }
    assert.equal(told.size, 1)
  })

  test('J20 C17: no secret stands in a log, a metric, an answer, a probe, in Redis or before the service', async () => {
    const { first, second, redis, upstream } = made
    const [good] = [await kinds.api_key.make()]
    secrets.push(good.value)
    for (const line of [
      `GET /me?api_key=${good.value}`,
      `GET /open?token=${good.value}`,
      `GET /nowhere/x?k=${good.value}`,
    ])
      answers.push((await ask(first, line, key(`${good.value}x`))).head)
    await first.line(({ path }) => path === '/nowhere/x')
    const places = await redis.client.keys('*')
    const gateways = [first, second]
    const texts = {
      log: gateways.map(({ lines }) => JSON.stringify(lines)).join('\n'),
      errors: gateways.map(({ errors }) => errors()).join(''),
      metrics: (await Promise.all(gateways.map((one) => one.metrics()))).join('\n'),
      probes: await (await request(`${first.probes}/readyz`)).body.text(),
      answers: answers.join('\n'),
      redis: [...places, ...(await redis.client.mget(places))].join('\n'),
      service: upstream.requests.map(({ head, line }) => head.replace(line, '')).join('\n'),
    }
    for (const [where, text] of Object.entries(texts))
      for (const secret of secrets) assert.ok(!text.includes(tailOf(secret).slice(0, 24)), where)
    assert.equal(texts.errors, '')
  })
})
