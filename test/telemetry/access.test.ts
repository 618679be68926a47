import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { newEvidence } from '#request/evidence.ts'
import { accessLine, type Ending } from '#telemetry/access.ts'

import { principal } from '../support/incoming.ts'

const time = 1_800_000_000_000
const ending: Ending = { method: 'GET', url: '/orders/17', status: 200, outcome: 'pass', total_ms: 1.5 }

const evidence = () => newEvidence('0123456789abcdef01234567', '4bf92f3577b34da6a3ce929d0e0e4736')
const read = (line: string): Record<string, unknown> => JSON.parse(line)

suite('accessLine', () => {
  test('tells a refused request with the facts known by then and no others', () => {
    const line = accessLine(
      evidence(),
      { ...ending, status: 400, outcome: 'target_invalid', note: 'dot segment in path' },
      time,
    )
    assert.deepEqual(read(line), {
      level: 'info',
      time,
      request_id: '0123456789abcdef01234567',
      trace: '4bf92f3577b34da6a3ce929d0e0e4736',
      method: 'GET',
      path: '/orders/17',
      status: 400,
      outcome: 'target_invalid',
      note: 'dot segment in path',
      total_ms: 1.5,
      msg: 'request',
    })
  })

  test('tells a forwarded request whole', () => {
    const known = evidence()
    known.route = 'orders-read'
    known.client = '192.0.2.1'
    known.principal = principal({ client: 'app-1' })
    known.authenticator = 'acme'
    known.cache = 'l1'
    known.cache_age = 41.6
    known.stale = true
    known.shadow = 'permission_denied'
    known.timings[0] = 0.0126
    known.timings[3] = 12.3456
    const line = accessLine(known, { ...ending, upstream_ms: 0.9, bytes: 12, target: '10.0.0.7:3000' }, time)
    assert.deepEqual(read(line), {
      level: 'info',
      time,
      request_id: '0123456789abcdef01234567',
      trace: '4bf92f3577b34da6a3ce929d0e0e4736',
      route: 'orders-read',
      method: 'GET',
      path: '/orders/17',
      status: 200,
      outcome: 'pass',
      client: '192.0.2.1',
      authenticator: 'acme',
      issuer: 'https://id.test',
      subject: 'alice',
      client_id: 'app-1',
      cache: 'l1',
      cache_age_ms: 42,
      stale: true,
      shadow: 'permission_denied',
      match_ms: 0.013,
      authenticate_ms: 12.346,
      upstream_ms: 0.9,
      total_ms: 1.5,
      bytes: 12,
      target: '10.0.0.7:3000',
      msg: 'request',
    })
  })

  test('names the limit that refused', () => {
    const known = evidence()
    const report = {
      quota: 5,
      period: 10,
      remaining: 0,
      reset: 2,
      reported: false,
      store: 'memory',
    } as const
    known.limits.push(
      { ...report, limit: 'per-client', allowed: true },
      { ...report, limit: 'per-user', allowed: false },
    )
    assert.equal(read(accessLine(known, ending, time))['limit'], 'per-user')
  })

  test('keeps query, fragment and user information out of the log', () => {
    const path = (url: string) => read(accessLine(evidence(), { ...ending, url }, time))['path']
    assert.equal(path('/login?token=secret'), '/login')
    assert.equal(path('/login#access_token=secret'), '/login')
    assert.equal(path('http://user:secret@host/x?y'), 'http://host/x')
    assert.equal(path('*'), '*')
  })

  test('is one line of JSON whatever the request holds', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (url, method, subject) => {
          const known = evidence()
          known.principal = principal({ subject })
          const line = accessLine(known, { ...ending, url, method, note: url }, time)
          assert.equal(line.indexOf('\n'), line.length - 1)
          assert.equal(read(line)['msg'], 'request')
          assert.equal(read(line)['outcome'], 'pass')
        },
      ),
    )
  })

  test('does not let a user agent, path or claim forge a field', () => {
    const known = evidence()
    known.principal = principal({ subject: 'a","subject":"admin' })
    const line = accessLine(known, { ...ending, url: '/x","status":"200\u001b[2J\u2028' }, time)
    assert.equal(read(line)['subject'], 'a","subject":"admin')
    assert.equal(read(line)['path'], '/x","status":"200\u001b[2J\u2028')
    assert.match(line, /^[\x20-\x7e]+\n$/)
  })

  test('bounds every field a client can lengthen', () => {
    const line = accessLine(evidence(), { ...ending, url: `/${'x'.repeat(10_000)}`, note: 'n'.repeat(10_000) }, time)
    assert.ok(line.length < 1000)
  })
})
