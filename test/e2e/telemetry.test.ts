/**
 * What an operator sees: metrics, the access line, traces, probes and the admin page.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask } from '../support/ask.ts'
import { serve } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { startUpstream } from '../support/upstream.ts'

suite('the access line', () => {
  const keep = keeper()

  test('shares its request id with the answer and the upstream', async () => {
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
routes:
  - { name: open, path: /open, public: true, upstream: service }
`),
    )
    const id = (await ask(gateway, 'GET /open')).header('x-request-id')
    await gateway.line((line) => line['msg'] === 'request' && line['request_id'] === id)
    assert.equal(upstream.requests[0]?.header('x-request-id'), id)
  })
})
