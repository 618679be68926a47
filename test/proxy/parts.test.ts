import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { Backend } from '#proxy/backend.ts'
import { createEjection } from '#proxy/ejection.ts'
import { failureCode } from '#proxy/failure.ts'
import { interimFields, responseFields, trailerFields } from '#proxy/response-fields.ts'
import { Watch } from '#proxy/watch.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { until } from '../support/wire.ts'

const nothing = () => false

suite('response fields', () => {
  test('keep repeated fields and drop what concerns one connection', () => {
    const headers = {
      'set-cookie': ['a=1', 'b=2'],
      connection: 'close, X-Own , "q"',
      'x-own': '1',
      'proxy-authenticate': 'Basic',
      trailer: 'X-Sum',
      'x-managed': '1',
      etag: '"x"',
    }
    const drop = (name: string) => name === 'x-managed'
    assert.deepEqual(responseFields(headers, drop), ['set-cookie', ['a=1', 'b=2'], 'etag', '"x"'])
    assert.ok(responseFields(headers, drop, true).includes('trailer'))
  })

  test('survive names that objects treat as special', () => {
    const headers = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>
    assert.deepEqual(responseFields(headers, nothing), ['__proto__', 'x', 'constructor', 'y'])
  })

  test('of 1xx answers are flat', () => {
    assert.deepEqual(interimFields({ link: ['</a>', '</b>'] as never, etag: 'x' }, nothing), [
      ...['link', '</a>', 'link', '</b>', 'etag', 'x'],
    ])
  })

  test('of trailers leave framing, cookies and credentials alone', () => {
    const trailers = { 'x-sum': ['1', '2'] as never, 'content-length': '1', 'set-cookie': ['a=b'], host: 'a' }
    assert.deepEqual(trailerFields(trailers, nothing), [
      ['x-sum', '1'],
      ['x-sum', '2'],
    ])
  })
})

suite('failures', () => {
  const coded = (code: string) => Object.assign(new Error(code), { code })

  test('before the request is sent are about reaching the upstream, after it about the upstream', () => {
    assert.equal(failureCode(coded('ECONNREFUSED'), false), 'upstream_unreachable')
    assert.equal(failureCode(coded('ECONNRESET'), false), 'upstream_unreachable')
    assert.equal(failureCode(coded('ECONNRESET'), true), 'upstream_failed')
    assert.equal(failureCode(new Error('?'), true), 'upstream_failed')
  })

  test('of our own making are named as such', () => {
    assert.equal(failureCode(coded('UND_ERR_INVALID_ARG'), false), 'internal_error')
    assert.equal(failureCode(coded('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'), true), 'request_malformed')
    assert.equal(failureCode(coded('ETIMEDOUT'), false), 'upstream_timeout')
  })
})

suite('the watch', () => {
  const watched = (total = Infinity) => {
    const began = performance.now()
    const fired: number[] = []
    const watch = new Watch(total, () => fired.push(performance.now() - began))
    return { watch, fired }
  }

  test('fires once the limit has passed without movement', async () => {
    const { watch, fired } = watched()
    watch.limit(100)
    setTimeout(() => watch.moved(), 60)
    await until(() => fired.length > 0, 'the watch')
    assert.ok((fired[0] ?? 0) >= 155 && (fired[0] ?? 0) < 250, `${fired[0]} ms`)
  })

  test('takes a shorter limit at once and a longer one in time', async () => {
    const { watch, fired } = watched()
    watch.limit(5000)
    watch.limit(50)
    await until(() => fired.length > 0, 'the watch')
    assert.ok((fired[0] ?? Infinity) < 150)

    const other = watched()
    other.watch.limit(30)
    other.watch.limit(200)
    await until(() => other.fired.length > 0, 'the watch')
    assert.ok((other.fired[0] ?? 0) >= 195)
  })

  test('never fires once stopped or lifted', async () => {
    const stopped = watched()
    stopped.watch.limit(20)
    stopped.watch.stop()
    const lifted = watched(40)
    lifted.watch.limit(20)
    lifted.watch.lift()
    const control = watched()
    control.watch.limit(80)
    await until(() => control.fired.length > 0, 'the control')
    assert.deepEqual([stopped.fired, lifted.fired], [[], []])
  })
})

suite('ejection', () => {
  const backend = (port: number) =>
    new Backend({
      upstream: 'a',
      url: `http://127.0.0.1:${port}`,
      ca: undefined,
      connections: 1,
      connectTimeout: 100,
    })

  test('lasts longer every time in a row, and ends by itself', async () => {
    const [one, two] = [backend(1), backend(2)]
    const durations: unknown[] = []
    const lines: string[] = []
    const log = {
      debug() {},
      error() {},
      warn: (fields: Readonly<Record<string, unknown>>, message: string) => {
        durations.push(fields['for_ms'])
        lines.push(message)
      },
      info: (_fields: object, message: string) => void lines.push(message),
    }
    const metrics = createMetrics()
    const ejection = createEjection([one, two], { upstream: 'a', metrics, log, base: 30 })
    for (let round = 0; round < 2; round += 1) {
      for (let count = 0; count < 5; count += 1) ejection.failed(one)
      assert.ok(one.ejected)
      assert.equal((await metrics.upstreamEjected.get()).values[0]?.value, 1)
      await until(() => !one.ejected, 'the return')
    }
    assert.deepEqual(durations, [30, 60])
    assert.equal(lines.filter((line) => line === 'upstream target returned').length, 2)
    assert.equal((await metrics.upstreamEjected.get()).values[0]?.value, 0)

    ejection.succeeded(one)
    for (let count = 0; count < 5; count += 1) ejection.failed(one)
    assert.equal(durations.at(-1), 30, 'a success in between starts over')
  })

  test('is forgotten by a success before the fifth failure', () => {
    const [one, two] = [backend(1), backend(2)]
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    const ejection = createEjection([one, two], { upstream: 'a', metrics: createMetrics(), log: silent })
    for (let count = 0; count < 4; count += 1) ejection.failed(one)
    ejection.succeeded(one)
    for (let count = 0; count < 4; count += 1) ejection.failed(one)
    assert.equal(one.ejected, false)
  })
})
