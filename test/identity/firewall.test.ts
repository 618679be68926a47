import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createFirewall, type FirewallOptions } from '#identity/firewall.ts'
import { managedNames } from '#identity/managed.ts'

import { incoming } from '../support/incoming.ts'

function strip(headers: readonly string[], options: Partial<FirewallOptions> = {}): string[] {
  const firewall = createFirewall({
    isManaged: managedNames(['heimdall', { subject: 'X-User' }]),
    credentials: { headers: ['authorization', 'x-api-key'], cookies: ['heimdall_session'] },
    forward_credential: false,
    ...options,
  })
  return firewall(incoming({ headers }))
}

suite('what goes on', () => {
  test('keeps spelling, order, duplicates and bytes of every other header', () => {
    const headers = ['aCCept', ' a', 'X-Any', '\x85admin\xa0', 'Accept', 'b', 'x-any', '', 'Set_Cookie', 'x']
    assert.deepEqual(strip(headers), headers)
  })

  test('drops host and framing, which forwarding writes anew', () => {
    assert.deepEqual(strip(['Content-Length', '3', 'Expect', '100-continue', 'Via', '1.1 x', 'A', 'b']), ['A', 'b'])
    assert.deepEqual(strip(['Transfer-Encoding', 'chunked', 'TE', 'trailers', 'Trailer', 'X-User']), [])
  })

  test('drops framing under an alias too', () => {
    assert.deepEqual(strip(['Content_Length', '3', 'Transfer.Encoding', 'chunked', 'Host_', 'evil.test']), [])
  })

  test('drops hop-by-hop headers', () => {
    const hops = ['Connection', 'Proxy-Connection', 'Keep-Alive', 'Upgrade', 'Proxy-Authorization', 'HTTP2-Settings']
    assert.deepEqual(strip(hops.flatMap((name) => [name, 'x'])), [])
  })

  test('remembers a bounded number of spellings and stays right beyond it', () => {
    const firewall = createFirewall({
      isManaged: managedNames([]),
      credentials: { headers: [], cookies: [] },
      forward_credential: false,
    })
    for (let round = 0; round < 1000; round += 1)
      assert.equal(firewall(incoming({ headers: [`X-${round}`, 'x', `X_Heimdall_${round}`, 'x'] })).length, 2)
    const long = 'x-heimdall-'.padEnd(100, 'x')
    assert.deepEqual(firewall(incoming({ headers: [long, 'x', 'X-Kept', 'x'] })), ['X-Kept', 'x'])
  })
})

suite('what a Connection header names', () => {
  test('is dropped whatever the case, from every Connection line', () => {
    assert.deepEqual(
      strip(['X-One', '1', 'Connection', 'close, x-ONE', 'X-Two', '2', 'connection', 'X-Two ,', 'X-Three', '3']),
      ['X-Three', '3'],
    )
  })

  test('is nothing when it says close, keep-alive or nothing', () => {
    for (const value of ['close', 'keep-alive', 'Keep-Alive', ''])
      assert.deepEqual(strip(['Connection', value, 'Close', 'x', 'A', 'b']), ['Close', 'x', 'A', 'b'])
  })

  test('is looked up without delay however many tokens there are', () => {
    const tokens = Array.from({ length: 5000 }, (_, index) => `t${index}`).join(',')
    const headers = Array.from({ length: 90 }, (_, index) => [`X-${index}`, 'x']).flat()
    assert.deepEqual(strip([...headers, 'Connection', tokens]), headers)
  })
})

suite('credentials', () => {
  test('go no further, in any spelling', () => {
    assert.deepEqual(
      strip(['Authorization', 'Bearer x', '_Authorization', 'y', 'X-API-Key', 'k', 'x_api.key', 'k', 'A', 'b']),
      ['A', 'b'],
    )
  })

  test('go on when the route says so, but under their own name only', () => {
    const headers = ['authorization', 'Bearer x', 'X-Api-Key', 'k', 'Cookie', 'heimdall_session=hs_1']
    assert.deepEqual(strip(headers, { forward_credential: true }), headers)
    assert.deepEqual(strip(['Authorization.', 'x', 'X_API_Key', 'k', '_Cookie', 'c'], { forward_credential: true }), [])
  })

  test('of a managed name never go on', () => {
    const credentials = { headers: ['x-user'], cookies: [] }
    assert.deepEqual(strip(['X-User', 'k'], { credentials, forward_credential: true }), [])
  })

  for (const [sent, going] of [
    ['heimdall_session=hs_1', undefined],
    ['a=1; heimdall_session=hs_1; b=2', 'a=1; b=2'],
    ['heimdall_session=hs_1; b="2 ; c', 'b="2 ; c'],
    ['a=1;  b=2 ;heimdall_session=hs_1', 'a=1;  b=2 '],
    ['heimdall_session=x; heimdall_session=y; a', 'a'],
    ['a=1; \theimdall_session =x', 'a=1'],
    ['my_heimdall_session=x; heimdall_session2=y', 'my_heimdall_session=x; heimdall_session2=y'],
    ['a=heimdall_session=x', 'a=heimdall_session=x'],
    ['Heimdall_Session=other', 'Heimdall_Session=other'],
    ['a=1;;b', 'a=1;;b'],
    ['heimdall_session; heimdall_session1', 'heimdall_session; heimdall_session1'],
  ] as const)
    test(`the session is taken out of Cookie: ${JSON.stringify(sent)}`, () => {
      assert.deepEqual(strip(['Cookie', sent]), going === undefined ? [] : ['Cookie', going])
    })

  test('the session is taken out of every Cookie line', () => {
    assert.deepEqual(strip(['Cookie', 'heimdall_session=1', 'cookie', 'a=1; heimdall_session=2']), ['cookie', 'a=1'])
  })

  test('cookies stay as they are when no authenticator reads them', () => {
    const credentials = { headers: [], cookies: [] }
    assert.deepEqual(strip(['Cookie', 'heimdall_session=1'], { credentials }), ['Cookie', 'heimdall_session=1'])
  })
})
