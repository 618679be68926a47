import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { RawRequest } from '#request/incoming.ts'
import { originAllowed } from '#routing/origin.ts'

import { incoming } from '../support/incoming.ts'

const LISTED = 'https://app.test'

function allowed(part: Partial<RawRequest>, authority = 'api.test'): boolean {
  const verdict = originAllowed({ ...incoming({ method: 'POST', ...part }), authority }, [LISTED])
  if (verdict.kind === 'deny') assert.equal(verdict.code, 'origin_denied')
  return verdict.kind === 'pass'
}

const websocket = (...headers: string[]): Partial<RawRequest> => ({
  method: 'GET',
  headers: ['Upgrade', 'websocket', ...headers],
})

suite('originAllowed', () => {
  test('asks nothing of methods that change nothing', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      assert.ok(allowed({ method, headers: ['Origin', 'https://evil.test', 'Sec-Fetch-Site', 'cross-site'] }), method)
  })

  test('asks of every other method, known or not', () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'PROPFIND', 'get'])
      assert.ok(!allowed({ method, headers: ['Origin', 'https://evil.test'] }), method)
  })

  const rows: readonly (readonly [origin: string, authority: string, allowed: boolean])[] = [
    ['https://api.test', 'api.test', true],
    ['http://api.test', 'api.test', true],
    ['https://API.test', 'api.TEST', true],
    ['https://api.test', 'api.test:443', true],
    ['http://api.test', 'api.test:80', true],
    ['https://api.test:8443', 'api.test:8443', true],
    ['https://[::1]:8443', '[::1]:8443', true],
    ['https://app.test', 'api.test', true],
    ['https://APP.test', 'api.test', false],
    ['http://app.test', 'api.test', false],
    ['https://api.test:8443', 'api.test', false],
    ['https://api.test', 'api.test:8443', false],
    ['http://api.test', 'api.test:443', false],
    ['https://api.test.evil.test', 'api.test', false],
    ['https://evilapi.test', 'api.test', false],
    ['https://evil.test', 'api.test', false],
    ['https://evil.test/api.test', 'api.test', false],
    ['https://api.test@evil.test', 'api.test', false],
    ['null', 'api.test', false],
    ['', 'api.test', false],
    ['file://', 'api.test', false],
    ['api.test', 'api.test', false],
    ['https://api.test, https://api.test', 'api.test', false],
  ]
  for (const [origin, authority, expected] of rows)
    test(`${expected ? 'lets' : 'does not let'} a page of ${origin || 'nowhere'} act on ${authority}`, () => {
      assert.equal(allowed({ headers: ['Origin', origin] }, authority), expected)
    })

  test('does not take a plain page for its own on an encrypted connection', () => {
    assert.ok(!allowed({ encrypted: true, headers: ['Origin', 'http://api.test'] }))
    assert.ok(allowed({ encrypted: true, headers: ['Origin', 'https://api.test'] }))
  })

  test('refuses two origins, even of the same page', () => {
    assert.ok(!allowed({ headers: ['Origin', 'https://api.test', 'Origin', 'https://api.test'] }))
  })

  test('without Origin lets Sec-Fetch-Site object', () => {
    assert.ok(allowed({}))
    for (const site of ['none', 'same-origin']) assert.ok(allowed({ headers: ['Sec-Fetch-Site', site] }), site)
    for (const site of ['cross-site', 'same-site', 'other'])
      assert.ok(!allowed({ headers: ['Sec-Fetch-Site', site] }), site)
  })

  test('a WebSocket needs an Origin, and one that is allowed', () => {
    assert.ok(!allowed(websocket()))
    assert.ok(!allowed(websocket('Sec-Fetch-Site', 'same-origin')))
    assert.ok(!allowed(websocket('Origin', 'https://evil.test')))
    assert.ok(allowed(websocket('Origin', 'https://api.test')))
    assert.ok(allowed(websocket('Origin', 'https://app.test')))
    assert.ok(!allowed({ method: 'GET', headers: ['Upgrade', 'h2c, WebSocket'] }))
  })
})
