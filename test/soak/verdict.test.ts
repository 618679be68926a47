/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { Answer } from '../support/load.ts'
import { seeded } from './chaos.ts'
import { plot } from './plot.ts'
import type { Held } from './probe.ts'
import type { SoakRecord } from './run.ts'
import { owed, slopeOf, verdictOf } from './verdict.ts'

const MINUTE = 60_000
const sockets = { all: 80, redis: 1, postgres: 5, keys: 1, service: 10 }

function answer(kind: string, at: number, status = 200): Answer {
  return { kind, at, ms: 5, status, code: undefined, retryAfter: undefined, text: '' }
}

/** Twenty minutes; memory grows by so many MiB an hour. */
function record(part: Partial<SoakRecord> = {}, growth = 0): SoakRecord {
  const held = Array.from({ length: 1200 }, (_, second): Held => {
    const rss = 120 + (growth * second) / 3600 + (second % 7)
    return { time: second * 1000, rss, heap: 30, timers: 5, sockets: 70, delay: 6 }
  })
  return {
    seed: 1,
    from: 0,
    to: 20 * MINUTE,
    spells: [{ neighbour: 'postgres', what: 'refuse 0', from: MINUTE, to: 2 * MINUTE }],
    answers: Array.from({ length: 1000 }, (_, index) => answer('token', index * 1000)),
    strangers: [answer('stranger', 0, 401)],
    held,
    sockets: { before: sockets, after: sockets },
    wrong: [],
    unauthorised: [],
    errors: [],
    reloads: 3,
    exit: 0,
    ...part,
  }
}

const failing = (given: SoakRecord) => verdictOf(given).flatMap(({ holds, what }) => (holds ? [] : [what]))

suite('the verdict of a soak', () => {
  test('holds when nothing happened that must not', () => assert.deepEqual(failing(record()), []))

  const faulty: readonly (readonly [string, Partial<SoakRecord>])[] = [
    ['wrong identities at the service', { wrong: ['bob instead of alice'] }],
    ['requests at the service without the right to', { unauthorised: ['/token'] }],
    ['strangers served', { strangers: [answer('stranger', 0)] }],
    ['good credentials refused as bad', { answers: [...record().answers, answer('key', 1.5 * MINUTE, 401)] }],
    ['unhandled errors', { errors: ['{}'] }],
    ['exit code', { exit: 70 }],
    [
      'open sockets but those to the service, before and after',
      { sockets: { before: sockets, after: { ...sockets, all: 100 } } },
    ],
  ]
  for (const [what, part] of faulty) test(`fails for ${what}`, () => assert.deepEqual(failing(record(part)), [what]))

  test('excuses who needs what has failed, until it has recovered, and nobody else', () => {
    const spells = record().spells
    const at = 1.5 * MINUTE
    const answers = [answer('key', at, 503), answer('session', 2 * MINUTE + 5000, 503), answer('token', at, 503)]
    assert.deepEqual(owed({ answers, spells }), { total: 1, failed: 1 })
    assert.deepEqual(owed({ answers: [answer('key', 2 * MINUTE + 7000, 503)], spells }), { total: 1, failed: 1 })
  })

  test('measures how memory grows over the second half', () => {
    assert.ok(Math.abs(slopeOf(record({}, 60)) - 60) < 3)
    assert.deepEqual(failing(record({}, 120)), ['RSS over the second half'])
  })

  test('is drawn with every fault', () => {
    const drawn = plot(record())
    assert.match(drawn, /^<svg [^>]+>/)
    assert.ok(drawn.includes('<title>postgres: refuse 0</title>'))
  })

  test('has the same faults for the same seed', () => {
    const numbers = (seed: number) => Array.from({ length: 5 }, seeded(seed))
    assert.deepEqual(numbers(7), numbers(7))
    assert.notDeepEqual(numbers(7), numbers(8))
    assert.ok(numbers(9).every((number) => number >= 0 && number < 1))
  })
})
