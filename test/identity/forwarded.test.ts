import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { pushForwarded } from '#identity/forwarded.ts'
import { clientAddress, inNetworks, plainAddress } from '#request/client-address.ts'
import type { RawRequest } from '#request/incoming.ts'

import { incoming } from '../support/incoming.ts'

const isTrusted = inNetworks(['10.0.0.0/8', 'fd00::/8'])

/** What goes upstream for a request, with the client found as the gate finds it. */
function forwarded(part: Partial<RawRequest>): Record<string, string> {
  const request = incoming(part)
  const pairs: string[] = []
  pushForwarded(pairs, request, {
    client: clientAddress(request, isTrusted),
    trusted: isTrusted(plainAddress(request.peer)),
    request_id: '',
    traceparent: '',
  })
  return Object.fromEntries(pairs.flatMap((name, index) => (index % 2 === 0 ? [[name, pairs[index + 1] ?? '']] : [])))
}

const lies = [
  ['X-Forwarded-For', '127.0.0.1'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Host', 'evil.test'],
  ['X-Forwarded-Port', '1'],
  ['Forwarded', 'for=127.0.0.1;host=evil.test;proto=https'],
].flat()

suite('from anybody', () => {
  test('tells what the gateway saw, nothing that the client claims', () => {
    assert.deepEqual(forwarded({ peer: '203.0.113.5', headers: lies }), {
      'X-Forwarded-For': '203.0.113.5',
      'X-Forwarded-Proto': 'http',
      'X-Forwarded-Host': 'api.test',
      'X-Forwarded-Port': '80',
      Forwarded: 'for=203.0.113.5;host="api.test";proto=http',
    })
  })

  test('tells an IPv6 client as RFC 7239 wants it, and TLS', () => {
    assert.deepEqual(forwarded({ peer: '2001:db8::1', encrypted: true }), {
      'X-Forwarded-For': '2001:db8::1',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'api.test',
      'X-Forwarded-Port': '443',
      Forwarded: 'for="[2001:db8::1]";host="api.test";proto=https',
    })
  })

  test('tells an IPv4 client on an IPv6 socket as IPv4', () => {
    assert.equal(forwarded({ peer: '::ffff:203.0.113.5' })['X-Forwarded-For'], '203.0.113.5')
  })

  test('tells a peer without an address as unknown', () => {
    assert.equal(forwarded({ peer: '' })['Forwarded'], 'for=unknown;host="api.test";proto=http')
  })
})

suite('the port', () => {
  for (const [authority, port] of [
    ['api.test:8443', '8443'],
    ['[2001:db8::1]:81', '81'],
    ['[2001:db8::1]', '80'],
  ] as const)
    test(`of ${authority} is ${port}`, () => {
      const request = { ...incoming(), authority }
      const pairs: string[] = []
      pushForwarded(pairs, request, { client: '192.0.2.1', trusted: false, request_id: '', traceparent: '' })
      assert.equal(pairs[pairs.indexOf('X-Forwarded-Port') + 1], port)
      assert.equal(pairs[pairs.indexOf('X-Forwarded-Host') + 1], authority)
    })
})

suite('from a trusted proxy', () => {
  const from = (headers: readonly string[], peer = '10.0.0.1') => forwarded({ peer, headers })

  test('appends the proxy to its chain and keeps host, scheme and port', () => {
    const told = ['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.test', 'X-Forwarded-Port', '8443']
    assert.deepEqual(from(['X-Forwarded-For', '203.0.113.5, fd00::2', ...told]), {
      'X-Forwarded-For': '203.0.113.5, fd00::2, 10.0.0.1',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'shop.test',
      'X-Forwarded-Port': '8443',
      Forwarded: 'for=203.0.113.5;host="shop.test";proto=https, for="[fd00::2]", for=10.0.0.1',
    })
  })

  test('cuts off what nobody vouches for: the first address is the client', () => {
    const { 'X-Forwarded-For': chain } = from(['X-Forwarded-For', '127.0.0.1, 203.0.113.5,10.0.0.9'])
    assert.equal(chain, '203.0.113.5, 10.0.0.9, 10.0.0.1')
  })

  test('cuts off what the client wrote even where it holds its own address', () => {
    const { 'X-Forwarded-For': chain } = from(['X-Forwarded-For', '203.0.113.5, 127.0.0.1, 203.0.113.5, 10.0.0.9'])
    assert.equal(chain, '203.0.113.5, 10.0.0.9, 10.0.0.1')
  })

  test('never passes on what is no address', () => {
    assert.equal(from(['X-Forwarded-For', '"><script>, 10.0.0.9'])['X-Forwarded-For'], '10.0.0.9, 10.0.0.1')
    assert.equal(from(['X-Forwarded-For', 'garbage'])['X-Forwarded-For'], '10.0.0.1')
    assert.equal(from([])['X-Forwarded-For'], '10.0.0.1')
  })

  test('reads a chain over several lines', () => {
    const chain = from(['X-Forwarded-For', '127.0.0.1, 203.0.113.5', 'X-Forwarded-For', '10.0.0.9'])
    assert.equal(chain['X-Forwarded-For'], '203.0.113.5, 10.0.0.9, 10.0.0.1')
  })

  for (const [name, values] of [
    ['X-Forwarded-Proto', ['ftp', 'https, http', '', 'https"']],
    ['X-Forwarded-Host', ['a b', 'x"y', 'a,b', 'user@h', '', 'h:99999']],
    ['X-Forwarded-Port', ['0', '65536', '-1', '80, 81', 'x']],
  ] as const)
    for (const value of values)
      test(`goes by its own view where ${name} is ${JSON.stringify(value)}`, () => {
        assert.deepEqual(from([name, value]), from([]))
      })

  test('goes by its own view where a header comes twice', () => {
    assert.deepEqual(from(['X-Forwarded-Host', 'a.test', 'X-Forwarded-Host', 'b.test']), from([]))
  })

  test('derives the port from what is told, and folds the case of the scheme', () => {
    const told = from(['X-Forwarded-Proto', 'HTTPS', 'X-Forwarded-Host', 'shop.test'])
    assert.equal(told['X-Forwarded-Proto'], 'https')
    assert.equal(told['X-Forwarded-Port'], '443')
    assert.equal(from(['X-Forwarded-Host', 'shop.test:81'])['X-Forwarded-Port'], '81')
  })
})
