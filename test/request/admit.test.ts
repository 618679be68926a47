import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { admit, hostname, isAuthority } from '#request/admit.ts'
import type { RawRequest } from '#request/incoming.ts'
import { pass } from '#request/verdict.ts'

import { incoming, rawRequest } from '../support/incoming.ts'

/** Denial code of a request, or `pass`. */
function outcome(part: Partial<RawRequest>): string {
  const verdict = admit(rawRequest(part))
  return verdict.kind === 'deny' ? verdict.code : 'pass'
}

const withHost = (...headers: readonly string[]): RawRequest => ({ ...rawRequest(), headers })

suite('admit', () => {
  test('reads a request', () => {
    const headers = ['HOST', 'API.test:8080', 'aCCept', 'a', 'Accept', 'b', 'Content-Length', '12']
    assert.deepEqual(
      admit({ method: 'POST', url: '/x?y', version: '1.1', peer: '192.0.2.1', encrypted: true, headers }),
      pass({
        method: 'POST',
        target: { origin: '/x?y', path: '/x', match: '/x', query: '?y', encoded: [] },
        authority: 'API.test:8080',
        host: 'api.test',
        names: ['host', 'accept', 'accept', 'content-length'],
        values: ['API.test:8080', 'a', 'b', '12'],
        raw: headers,
        peer: '192.0.2.1',
        encrypted: true,
        body: 12,
        legacy: false,
      }),
    )
  })

  test('refuses the target as parseTarget does', () => {
    assert.equal(outcome({ url: '/a/../b' }), 'target_invalid')
  })

  for (const version of ['0.9', '2.0', '3.0', '1.2', ''])
    test(`S16: refuses version ${JSON.stringify(version)}`, () => {
      assert.equal(outcome({ version }), 'version_unsupported')
    })

  test('marks HTTP/1.0', () => {
    assert.equal(incoming({ version: '1.0' }).legacy, true)
  })

  for (const method of ['TRACE', 'CONNECT'])
    test(`S10: refuses ${method}`, () => {
      assert.equal(outcome({ method, url: 'api.test:443' }), 'method_not_allowed')
      const refusal = admit(rawRequest({ method }))
      assert.match(('headers' in refusal && refusal.headers?.['Allow']) || '', /^GET, HEAD/)
    })

  test('refuses more than 100 headers', () => {
    const headers = (count: number) => Array.from({ length: count - 1 }, (_, index) => [`X-${index}`, 'x']).flat()
    assert.equal(outcome({ headers: headers(100) }), 'pass')
    assert.equal(outcome({ headers: headers(101) }), 'headers_too_large')
  })
})

suite('headers that may appear once', () => {
  for (const name of ['Host', 'Authorization', 'Content-Length', 'Content-Type', 'Transfer-Encoding'])
    test(`H8: a second ${name} is refused, in any case and with the same value`, () => {
      const value = { Host: 'api.test', 'Content-Length': '1', 'Transfer-Encoding': 'chunked' }[name] ?? 'x'
      const first = name === 'Host' ? [] : [name, value]
      assert.equal(outcome({ headers: [...first, 'Accept', 'x', name.toUpperCase(), value] }), 'header_duplicate')
    })

  test('any other header may come again', () => {
    assert.equal(outcome({ headers: ['Cookie', 'a', 'cookie', 'b'] }), 'pass')
  })
})

suite('Host', () => {
  test('is required', () => {
    assert.deepEqual(
      [admit(withHost()), admit(withHost('Accept', 'x'))].map((verdict) => verdict.kind === 'deny' && verdict.code),
      ['host_invalid', 'host_invalid'],
    )
  })

  for (const host of [
    '',
    ' ',
    'a b',
    'a/b',
    'user@a',
    'a,b',
    'a:b',
    'a:',
    ':80',
    'a:123456',
    'a:65536',
    '.',
    '.a',
    'http://a',
    '[::1',
    '::1',
    '[::::]',
    '[a]',
    '[1.2.3.4]',
    'a%2eb',
    'ü.test',
    'a"',
    'a#b',
    'a?b',
    'a\\b',
  ])
    test(`refuses ${JSON.stringify(host)}`, () => {
      const verdict = admit(withHost('Host', host))
      assert.equal(verdict.kind === 'deny' && verdict.code, 'host_invalid')
      assert.ok(!isAuthority(host))
    })

  for (const [authority, host] of [
    ['api.test', 'api.test'],
    ['API.Test.:65535', 'api.test'],
    ['10.0.0.1:80', '10.0.0.1'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:8080', '[2001:db8::1]'],
    ['[::ffff:192.0.2.1]:1', '[::ffff:192.0.2.1]'],
    ['_srv.a-b.test', '_srv.a-b.test'],
  ] as const)
    test(`H15: ${authority} is matched as ${host}`, () => {
      const verdict = admit(withHost('Host', authority))
      assert.equal(verdict.kind === 'pass' && verdict.value.host, host)
      assert.equal(hostname(authority), host)
    })
})

suite('framing', () => {
  const body = (...headers: readonly string[]) => incoming({ method: 'POST', headers }).body
  const refused = (...headers: readonly string[]) => outcome({ method: 'POST', headers })

  test('is one plain length, exactly chunked, or nothing', () => {
    assert.equal(body(), 0)
    assert.equal(body('Content-Length', '0'), 0)
    assert.equal(body('content-length', '1234'), 1234)
    assert.equal(body('Transfer-Encoding', 'chunked'), 'chunked')
    assert.equal(body('transfer-encoding', 'Chunked'), 'chunked')
  })

  test('S1: refuses both at once', () => {
    assert.equal(refused('Content-Length', '4', 'Transfer-Encoding', 'chunked'), 'framing_invalid')
    assert.equal(refused('Transfer-Encoding', 'chunked', 'Content-Length', '0'), 'framing_invalid')
  })

  for (const coding of [
    ',chunked',
    'gzip, chunked',
    'identity, chunked',
    'chunked, chunked',
    'xchunked',
    'identity',
    'cow',
    '',
    'chunked;a=b',
  ])
    test(`S2: refuses Transfer-Encoding: ${coding}`, () => {
      assert.equal(refused('Transfer-Encoding', coding), 'framing_invalid')
    })

  test('S2: refuses two Transfer-Encoding lines', () => {
    assert.equal(refused('Transfer-Encoding', 'cow', 'Transfer-Encoding', 'chunked'), 'header_duplicate')
  })

  test('S3: refuses a transfer coding on HTTP/1.0', () => {
    assert.equal(outcome({ version: '1.0', headers: ['Transfer-Encoding', 'chunked'] }), 'framing_invalid')
  })

  for (const length of [
    '+1',
    '-1',
    '0x1',
    '1,1',
    '',
    '1Z',
    '01',
    '00',
    '1.0',
    '1e3',
    ' 1',
    '1_0',
    '9'.repeat(16),
    '１',
  ])
    test(`S4: refuses Content-Length: ${JSON.stringify(length)}`, () => {
      assert.equal(refused('Content-Length', length), 'framing_invalid')
    })

  test('S4: keeps every length it admits exact', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (length) => {
        fc.pre(length < 10 ** 15)
        assert.equal(body('Content-Length', String(length)), length)
      }),
    )
    assert.equal(body('Content-Length', '9'.repeat(15)), 999_999_999_999_999)
  })
})

suite('whatever is admitted', () => {
  test('has one Host, one framing, and the bytes of the wire', () => {
    const name = fc.constantFrom(
      'host',
      'Host',
      'content-length',
      'Transfer-Encoding',
      'authorization',
      'X-A',
      'x_host',
    )
    const value = fc.constantFrom('api.test', '0', '5', 'chunked', 'gzip', '', 'a,b')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { maxLength: 6 }),
        fc.constantFrom('1.0', '1.1'),
        (lines, version) => {
          const raw = { ...rawRequest(), version, headers: lines.flat() }
          const verdict = admit(raw)
          if (verdict.kind === 'deny') return
          const { names, values } = verdict.value
          const count = (wanted: string) => names.filter((one) => one === wanted).length

          assert.equal(count('host'), 1)
          assert.ok(count('content-length') + count('transfer-encoding') <= 1)
          assert.deepEqual(verdict.value.raw, lines.flat())
          assert.deepEqual(
            names.map((one, index) => [one, values[index]]),
            lines.map(([one, other]) => [one.toLowerCase(), other]),
          )
        },
      ),
      { numRuns: 1000 },
    )
  })
})
