import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { authenticate, type AuthenticateOptions } from '#authn/authenticate.ts'
import type { Scheme } from '#authn/scheme.ts'
import { unhindered } from '#request/asker.ts'
import type { Principal } from '#request/principal.ts'
import { deny, pass, skip, type Attempt, type Eventually } from '#request/verdict.ts'

import { evidence } from '../support/authn.ts'
import { incoming, principal } from '../support/incoming.ts'

const strict: AuthenticateOptions = { optional: false, public: false, stale: 'deny' }
const alice = pass(principal())
const expired = deny('token_expired', 'exp has passed')

/** A scheme that gives one answer and counts how often it is asked. */
function answering(answer: Eventually<Attempt<Principal>>, addressed = false): Scheme & { asked: number } {
  const scheme: Scheme & { asked: number } = {
    name: 'stub',
    kind: 'jwt',
    credential: { headers: ['authorization'] },
    asked: 0,
    addressed: () => addressed,
    attempt: () => {
      scheme.asked += 1
      return answer
    },
  }
  return scheme
}

const run = (schemes: Scheme[], options = strict) => authenticate(schemes, options)(incoming(), evidence(), unhindered)

suite('authenticate', () => {
  test('lets the first scheme that recognises the credential decide', () => {
    const last = answering(pass(principal({ subject: 'bob' })))
    assert.equal(run([answering(skip), answering(alice), last]), alice)
    assert.equal(last.asked, 0)
  })

  test('lets no later scheme overturn a refusal', () => {
    const last = answering(alice)
    assert.equal(run([answering(expired), last]), expired)
    assert.equal(last.asked, 0)
  })

  test('answers at once when no scheme has to wait', () => {
    assert.ok(!(run([answering(skip), answering(alice)]) instanceof Promise))
  })

  test('waits for a scheme that answers later, and goes on when it skips', async () => {
    const later = run([answering(Promise.resolve(skip)), answering(skip), answering(Promise.resolve(alice))])
    assert.ok(later instanceof Promise)
    assert.equal(await later, alice)
  })

  test('asks for credentials when none were sent', () => {
    assert.deepEqual(run([answering(skip), answering(skip)]), deny('no_credentials', 'tried stub, stub'))
  })

  test('refuses a credential that nobody recognises', () => {
    const verdict = run([answering(skip), answering(skip, true)])
    assert.deepEqual(verdict, deny('invalid_token', 'the credential is of none of stub, stub'))
  })

  test('lets anonymous requests through where identity is optional', () => {
    assert.deepEqual(run([answering(skip)], { ...strict, optional: true }), pass(undefined))
  })

  test('refuses bad and unknown credentials also where identity is optional', () => {
    const optional = { ...strict, optional: true }
    assert.equal(run([answering(expired)], optional), expired)
    assert.deepEqual(run([answering(skip, true)], optional), deny('invalid_token', 'the credential is of none of stub'))
  })

  test('does not look at credentials on public routes', () => {
    const scheme = answering(expired, true)
    assert.deepEqual(run([scheme], { ...strict, public: true }), pass(undefined))
    assert.equal(scheme.asked, 0)
  })

  test('hands the staleness policy of the route to the scheme', () => {
    const seen: unknown[] = []
    const scheme: Scheme = { ...answering(skip), attempt: (_request, _evidence, stale) => (seen.push(stale), alice) }
    void run([scheme], { ...strict, stale: { serve_for: 5000 } })
    assert.deepEqual(seen, [{ serve_for: 5000 }])
  })
})
