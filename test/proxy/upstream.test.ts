import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import type { Logger } from '#telemetry/log.ts'

import { fixed, resetBeforeHead } from '../support/answers.ts'
import { startForwarder, type Forwarder, type ForwarderOptions } from '../support/forwarder.ts'
import { exchange } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { until } from '../support/wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'

let good: Upstream
let bad: Upstream
before(async () => {
  good = await startUpstream(fixed(200, 'good'))
  bad = await startUpstream(resetBeforeHead)
})
after(async () => {
  await good.close()
  await bad.close()
})

function collecting(): { log: Logger; lines: string[] } {
  const lines: string[] = []
  const line = (_fields: object, message: string) => void lines.push(message)
  return { lines, log: { debug() {}, info: line, warn: line, error: line } }
}

async function withForwarder(options: ForwarderOptions, use: (own: Forwarder) => Promise<void>) {
  const own = await startForwarder(options)
  try {
    await use(own)
  } finally {
    await own.close()
  }
}

suite('several targets', () => {
  test('a request that may be tried again is tried on another target', async () => {
    await withForwarder({ upstream: { targets: [bad.url, good.url], balance: 'round_robin' } }, async (own) => {
      for (let count = 0; count < 6; count += 1) assert.equal((await exchange(own.port, GET)).text, 'good')
    })
  })

  test('a target that fails five times in a row is left out, with one line and one gauge', async () => {
    const { log, lines } = collecting()
    await withForwarder({ upstream: { targets: [bad.url, good.url], balance: 'round_robin' }, log }, async (own) => {
      for (let count = 0; count < 10; count += 1) await exchange(own.port, POST)
      const before = bad.requests.length
      for (let count = 0; count < 10; count += 1) assert.equal((await exchange(own.port, POST)).text, 'good')
      assert.equal(bad.requests.length, before)
      assert.deepEqual(
        lines.filter((line) => line === 'upstream target ejected'),
        ['upstream target ejected'],
      )
      assert.equal((await own.metrics.upstreamEjected.get()).values[0]?.value, 1)
    })
  })

  test('answers of 503 count as failures of the target, and are passed on', async () => {
    const busy = await startUpstream(fixed(503, 'busy'))
    await withForwarder({ upstream: { targets: [busy.url, good.url], balance: 'round_robin' } }, async (own) => {
      const texts: string[] = []
      for (let count = 0; count < 20; count += 1) texts.push((await exchange(own.port, GET)).text)
      assert.equal(texts.filter((text) => text === 'busy').length, 5)
    })
    await busy.close()
  })

  test('never are all left out', async () => {
    const dead = ['http://127.0.0.1:1', 'http://127.0.0.1:2']
    await withForwarder({ upstream: { targets: dead, breaker: { of_at_least: 1000 } } }, async (own) => {
      for (let count = 0; count < 40; count += 1)
        assert.equal((await exchange(own.port, POST)).header('x-code'), 'upstream_unreachable')
      assert.equal(own.upstream.backends.filter((backend) => backend.ejected).length, 1)
    })
  })
})

suite('the breaker of an upstream', () => {
  const upstream = (url: string) => ({ targets: [url], breaker: { of_at_least: 5, open_for: '300ms' } })

  test('refuses at once while open, lets one try after a while, and closes when that one gets an answer', async () => {
    const flaky = await startUpstream(resetBeforeHead)
    await withForwarder({ upstream: upstream(flaky.url) }, async (own) => {
      for (let count = 0; count < 5; count += 1) await exchange(own.port, POST)
      await until(() => own.upstream.breaker.admit() === undefined, 'the breaker to open')
      const before = flaky.requests.length
      const refused = await exchange(own.port, GET)
      assert.equal(refused.status, 503)
      assert.equal(refused.header('x-code'), 'upstream_unavailable')
      assert.equal(refused.header('retry-after'), '1')
      assert.equal(flaky.requests.length, before)

      flaky.answer = fixed(200, 'back')
      let text = ''
      await until(() => {
        if (text !== 'back') void exchange(own.port, GET).then((answer) => (text = answer.text))
        return text === 'back'
      }, 'the upstream to be back')
      assert.equal((await exchange(own.port, GET)).text, 'back')
    })
    await flaky.close()
  })

  test('stays closed whatever the upstream answers', async () => {
    const angry = await startUpstream(fixed(500, 'angry'))
    await withForwarder({ upstream: upstream(angry.url) }, async (own) => {
      for (let count = 0; count < 20; count += 1) assert.equal((await exchange(own.port, GET)).text, 'angry')
      angry.answer = fixed(200, 'calm')
      assert.equal((await exchange(own.port, GET)).text, 'calm')
    })
    await angry.close()
  })
})
