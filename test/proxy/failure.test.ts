import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { denialOf, handshakeDenial, isUnsent } from '#proxy/failure.ts'

suite('failures', () => {
  test('before the request is sent are about reaching the upstream, after it about the upstream', () => {
    for (const [kind, code, unsent] of [
      ['unreachable', 'upstream_unreachable', true],
      ['connect_timeout', 'upstream_timeout', true],
      ['crowded', 'upstream_unavailable', true],
      ['broken', 'upstream_failed', false],
      ['cut', 'upstream_failed', false],
      ['malformed', 'upstream_failed', false],
    ] as const)
      assert.deepEqual([denialOf(kind), isUnsent(kind)], [code, unsent], kind)
  })

  test('of our own making, and of the client, are named as such', () => {
    assert.equal(denialOf('unfit'), 'internal_error')
    assert.equal(denialOf('defect'), 'internal_error')
    assert.equal(denialOf('mismatch'), 'request_malformed')
  })

  test('of handshakes go by what the system says', () => {
    const coded = (code: string) => Object.assign(new Error(code), { code })
    assert.equal(handshakeDenial(coded('ECONNREFUSED'), false), 'upstream_unreachable')
    assert.equal(handshakeDenial(coded('ECONNRESET'), true), 'upstream_failed')
    assert.equal(handshakeDenial(coded('ETIMEDOUT'), false), 'upstream_timeout')
  })
})
