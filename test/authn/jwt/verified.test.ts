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
  turn: 0,
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

  /** Asks for tokens that sleep, one after another, and tells which of the three are awake then. */
  function sleepers(awake: number) {
    const tokens = createVerifiedTokens({ awake })
    const [alice, bob, carol] = [known('alice'), known('bob'), known('carol')]
    const all = [alice, bob, carol]
    for (const token of all) tokens.set(token.facts.subject, token)
    const ask = (...asked: Verified[]) => {
      for (const token of asked) if (token.verdict === undefined) tokens.rouse(token, verdictOf(token))
      return all.filter(({ verdict }) => verdict !== undefined).map(({ facts }) => facts.subject)
    }
    return { alice, bob, carol, ask }
  }

  test('wake and fall asleep, the one that woke first before the others, and wake again', () => {
    const { alice, bob, carol, ask } = sleepers(3)
    assert.deepEqual(ask(alice), ['alice'])
    const { verdict } = alice
    assert.deepEqual(ask(bob, alice, carol), ['alice', 'bob', 'carol'])
    assert.equal(alice.verdict, verdict)
  })

  test('sleep on when they would fall asleep again before they are asked for', () => {
    const { alice, bob, carol, ask } = sleepers(2)
    assert.deepEqual(ask(alice, bob, carol, alice, bob, carol), [])
    assert.deepEqual(ask(carol), ['carol'])
    assert.deepEqual(ask(bob), ['carol'])
    assert.deepEqual(ask(bob), ['bob', 'carol'])
    assert.deepEqual(ask(alice, alice), ['alice', 'bob'])
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
