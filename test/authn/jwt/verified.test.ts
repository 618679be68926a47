import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { Key } from '#authn/key-sets/key.ts'
import { createVerifiedTokens, verifiedKey, type Verified } from '#authn/jwt/verified.ts'
import { principalOf } from '#authn/jwt/principal.ts'
import { pass } from '#request/verdict.ts'

const key = {} as Key
const lists = { roles: [], permissions: [], groups: [], scopes: [] }
const known = (subject: string): Verified => ({
  facts: { subject, ...lists, email: undefined, name: undefined, tenant: undefined, client: undefined, claims: {} },
  key,
  starts_at: 0,
  expires_at: 1,
  at: 0,
  verdict: undefined,
})
const verdictOf = ({ facts }: Verified) => pass(principalOf(facts, 1000, { authenticator: 'a', issuer: 'i' }))

suite('verified tokens', () => {
  test('are forgotten least recently used first, and are never more than the bound', () => {
    const tokens = createVerifiedTokens({ most: 2 })
    assert.equal(tokens.size, 0)
    assert.equal(tokens.get('alice'), undefined)
    for (const name of ['alice', 'bob']) tokens.set(name, known(name))
    tokens.get('alice')
    tokens.set('carol', known('carol'))
    assert.deepEqual([tokens.get('alice')?.facts.subject, tokens.get('bob'), tokens.size], ['alice', undefined, 2])
  })

  test('fall asleep, the one that woke first before the others, and wake again', () => {
    const tokens = createVerifiedTokens({ awake: 2 })
    const [alice, bob, carol] = [known('alice'), known('bob'), known('carol')]
    const isAwake = () => [alice, bob, carol].map(({ verdict }) => verdict !== undefined)
    const first = verdictOf(alice)
    assert.equal(tokens.wake(alice, first), first)
    tokens.wake(bob, verdictOf(bob))
    assert.equal(alice.verdict, first)
    assert.deepEqual(isAwake(), [true, true, false])
    tokens.wake(carol, verdictOf(carol))
    assert.deepEqual(isAwake(), [false, true, true])
    tokens.wake(alice, verdictOf(alice))
    assert.deepEqual(isAwake(), [true, false, true])
  })
})

suite('verifiedKey', () => {
  const keyOf = verifiedKey(['acme', { audience: 'api' }])

  test('is one for one token, and another for any other', () => {
    assert.equal(keyOf('a.b.c'), keyOf('a.b.c'))
    assert.notEqual(keyOf('a.b.c'), keyOf('a.b.d'))
  })

  test('is another when anything that bears on the outcome is', () => {
    assert.notEqual(keyOf('a.b.c'), verifiedKey(['acme', { audience: 'other' }])('a.b.c'))
  })
})
