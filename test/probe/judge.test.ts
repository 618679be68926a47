import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { MARK, type Bar } from '#probe/case.ts'
import { judge } from '#probe/judge.ts'
import type { Conversation } from '#probe/wire.ts'

const said = (...answers: readonly (number | readonly [number, string])[]): Conversation => ({
  answers: answers.map((one) => {
    const [status, body] = typeof one === 'number' ? [one, ''] : one
    return { status, head: '', body: Buffer.from(body) }
  }),
  end: 'open',
  garbled: false,
  partial: false,
  silent: answers.length === 0,
})
const ended = (conversation: Conversation): Conversation => ({ ...conversation, end: 'closed' })
const garbled = (conversation: Conversation): Conversation => ({ ...conversation, garbled: true })

const judgements: readonly (readonly [Bar, string, Conversation, 'held' | 'fell' | 'unjudged'])[] = [
  ['outside', 'a 401', said(401), 'held'],
  ['outside', 'a redirect to a login', said(302), 'held'],
  ['outside', 'a 200', said(200), 'fell'],
  ['outside', 'a 200 behind a 103', said(103, 200), 'fell'],
  ['outside', 'a 101', said(101), 'fell'],
  ['outside', 'the end of the connection', ended(said()), 'held'],
  ['outside', 'silence', said(), 'unjudged'],
  ['outside', 'a 429', said(429), 'unjudged'],
  ['outside', 'a 503', said(503), 'unjudged'],
  ['dropped', 'an echo without the mark', said([200, 'x-user: alice']), 'held'],
  ['dropped', 'an echo with the mark', said([200, `x-user: ${MARK}`]), 'fell'],
  ['dropped', 'an echo with the address', said([200, 'x-real-ip: 203.0.113.77']), 'fell'],
  ['dropped', 'a refusal', said(400), 'held'],
  ['kept', 'an echo with the identity', said([200, 'X-User: alice']), 'held'],
  ['kept', 'an echo without the identity', said([200, '{}']), 'fell'],
  ['kept', 'a refusal', said(400), 'held'],
  ['refused', 'a 400', said(400), 'held'],
  ['refused', 'a 400, and the same behind it', said(400, 401), 'held'],
  ['refused', 'a 200', said(200), 'fell'],
  ['refused', 'a 400, and a 200 behind it', said(400, 200), 'fell'],
  ['refused', 'silence', said(), 'fell'],
  ['ended', 'a 400 and the end', ended(said(400)), 'held'],
  ['ended', 'the end', ended(said()), 'held'],
  ['ended', 'a 400 and no end', said(400), 'fell'],
  ['ended', 'a 400, and an answer to what stood behind', ended(said(400, 401)), 'fell'],
  ['ended', 'a 200 and the end', ended(said(200)), 'fell'],
  ['ended', 'silence', said(), 'fell'],
  ['ended', 'nonsense', garbled(said()), 'fell'],
  ['single', 'one answer', said(200), 'held'],
  ['single', 'two answers', said(200, 401), 'fell'],
  ['single', 'an answer and nonsense', garbled(said(200)), 'fell'],
  ['single', 'a 101', said(101), 'fell'],
  ['judged', 'two answers, the second a refusal', said(200, 401), 'held'],
  ['judged', 'two good answers', said(200, 200), 'fell'],
  ['judged', 'a 101', said(101), 'fell'],
]

suite('the judgement', () => {
  for (const [bar, what, conversation, kind] of judgements)
    test(`${bar}: ${what} has ${kind}`, () => assert.equal(judge({ bar }, conversation, ['x-user']).kind, kind))

  test('kept: is none without an identity to look for', () => {
    assert.equal(judge({ bar: 'kept' }, said(200), []).kind, 'unjudged')
  })
})
