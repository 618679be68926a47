import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'

import { createHttpServer } from '#http/server.ts'
import { createHandler } from '#proxy/handler.ts'
import type { Serving } from '#proxy/serving.ts'
import { createTeller } from '#proxy/tell.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import { routeMetrics } from '#telemetry/observe.ts'

import { exchange } from '../support/raw-client.ts'

suite('a defect while a request is decided', () => {
  test('is a 500 that is counted as one, and leaves no request in flight', async (t) => {
    const metrics = createMetrics()
    const defective = {
      gate: {
        isTrusted() {
          throw new TypeError('inner detail')
        },
      },
      metricsOf: () => routeMetrics(metrics, 'unmatched'),
    } as unknown as Serving
    const teller = createTeller({ metrics, line: () => assert.fail('no line of its own'), clock: () => 0 })
    const overload = { refuse: () => undefined, refuseConnection: () => assert.fail('no connection is one too many') }
    const handler = createHandler({ current: () => defective, teller, overload })
    const server = createHttpServer({ log: silent, metrics }, { request: handler })
    const { port } = (await server.listen({ host: '127.0.0.1', port: 0 })) satisfies Pick<AddressInfo, 'port'>
    t.after(async () => {
      server.cut()
      await server.stop()
    })

    const answer = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    assert.equal(answer.status, 500)
    assert.ok(!answer.body.includes('inner detail'))
    const text = await metrics.registry.metrics()
    assert.match(text, /^heimdall_requests_total\{route="unmatched",outcome="internal_error"\} 1$/m)
    assert.match(text, /^heimdall_requests_in_flight 0$/m)
  })
})
