import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { clientAddress, inNetworks, plainAddress } from '#request/client-address.ts'

import { heapAfterCollection } from '../support/collected.ts'
import { incoming } from '../support/incoming.ts'

const proxies = inNetworks(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])

function client(peer: string, ...chains: readonly string[]): string {
  return clientAddress(incoming({ peer, headers: chains.flatMap((chain) => ['X-Forwarded-For', chain]) }), proxies)
}

suite('inNetworks', () => {
  test('no networks hold nobody', () => {
    assert.equal(inNetworks([])('127.0.0.1'), false)
  })

  test('knows networks and single addresses of both families', () => {
    for (const address of ['10.1.2.3', '192.0.2.7', 'fd00::1']) assert.ok(proxies(address), address)
    for (const address of ['11.0.0.1', '192.0.2.8', 'fe00::1', '::1']) assert.ok(!proxies(address), address)
  })

  test('takes an IPv4-mapped address for the IPv4 one', () => {
    assert.ok(proxies('::ffff:10.0.0.1'))
    assert.ok(proxies('::ffff:a00:1'))
    assert.ok(!proxies('::ffff:11.0.0.1'))
  })

  test('holds nothing that is no address', () => {
    for (const text of ['', 'unknown', '10.0.0.1:80', '10.0.0', '010.0.0.1', ' 10.0.0.1'])
      assert.ok(!proxies(text), text)
  })
})

suite('clientAddress', () => {
  test('holds nothing of what a client has written before its proxy did', () => {
    const before = heapAfterCollection()
    const kept = Array.from({ length: 1000 }, (_, count) => {
      const written = Buffer.from(`${'x'.repeat(15_000)}, 203.100.${100 + (count >> 8)}.${count & 255}`)
      return client('10.0.0.1', written.toString('latin1'))
    })
    assert.equal(kept[999], '203.100.103.231')
    assert.ok(heapAfterCollection() - before < 5_000_000)
  })

  test('is the peer when nobody is trusted, whatever the client says', () => {
    const request = incoming({ peer: '203.0.113.5', headers: ['X-Forwarded-For', '127.0.0.1', 'X-Real-IP', '::1'] })
    assert.equal(clientAddress(request, inNetworks([])), '203.0.113.5')
  })

  test('is an untrusted peer, whatever it forwards', () => {
    assert.equal(client('203.0.113.5', '10.0.0.1'), '203.0.113.5')
  })

  test('is what a trusted peer saw', () => {
    assert.equal(client('10.0.0.1', '203.0.113.5'), '203.0.113.5')
    assert.equal(client('::ffff:10.0.0.1', '203.0.113.5'), '203.0.113.5')
  })

  test('is the first untrusted address from the right: what stands before it may be a lie', () => {
    assert.equal(client('10.0.0.1', '127.0.0.1, 203.0.113.5'), '203.0.113.5')
    assert.equal(client('10.0.0.1', '127.0.0.1, 203.0.113.5, 10.9.9.9,192.0.2.7'), '203.0.113.5')
  })

  test('reads several header lines as one chain', () => {
    assert.equal(client('10.0.0.1', '127.0.0.1', '203.0.113.5', '10.9.9.9'), '203.0.113.5')
  })

  test('is the farthest proxy when all are trusted', () => {
    assert.equal(client('10.0.0.1', '10.0.0.3, 10.0.0.2'), '10.0.0.3')
  })

  test('stops at what is no address', () => {
    assert.equal(client('10.0.0.1'), '10.0.0.1')
    assert.equal(client('10.0.0.1', ''), '10.0.0.1')
    assert.equal(client('10.0.0.1', '203.0.113.5, unknown'), '10.0.0.1')
    assert.equal(client('10.0.0.1', '203.0.113.5, evil, 10.0.0.2'), '10.0.0.2')
  })

  test('is read without the port that some balancers add', () => {
    for (const hop of ['203.0.113.5:51234', ' 203.0.113.5:1 '])
      assert.equal(client('10.0.0.1', hop), '203.0.113.5', hop)
    for (const hop of ['[2001:db8::1]:443', '[2001:DB8:0::1]'])
      assert.equal(client('10.0.0.1', hop), '2001:db8::1', hop)
    assert.equal(client('10.0.0.1', '203.0.113.5, 10.0.0.2:8080'), '203.0.113.5')
    for (const hop of ['203.0.113.5:', '203.0.113.5:port', '[::1', '[203.0.113.5]x', '1.2.3:80'])
      assert.equal(client('10.0.0.1', hop), '10.0.0.1', hop)
  })

  test('is spelled in one way', () => {
    assert.equal(client('10.0.0.1', '2001:DB8:0:0::1'), '2001:db8::1')
    assert.equal(client('10.0.0.1', '::FFFF:203.0.113.5'), '203.0.113.5')
    assert.equal(client('::ffff:203.0.113.5'), '203.0.113.5')
  })

  test('cannot be chosen by a client behind trusted proxies', () => {
    const said = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.0.0.9', 'x', '', '::1')), { maxLength: 5 })
    fc.assert(
      fc.property(said, (lies) => {
        assert.equal(client('10.0.0.1', [...lies, '203.0.113.5', '10.0.0.2'].join(',')), '203.0.113.5')
      }),
    )
  })
})

suite('plainAddress', () => {
  test('leaves IPv4, and what is no address, as it is', () => {
    for (const text of ['203.0.113.5', '', 'Unknown', 'a:b', '203.0.113.5:80']) assert.equal(plainAddress(text), text)
  })

  test('folds the hexadecimal spelling of a mapped address too', () => {
    assert.equal(plainAddress('::ffff:cb00:7105'), '203.0.113.5')
    assert.equal(plainAddress('0:0:0:0:0:FFFF:cb00:7105'), '203.0.113.5')
  })

  test('leaves out the zone of a link-local address', () => {
    assert.equal(plainAddress('FE80::1%eth0'), 'fe80::1')
  })

  test('is a fixed point', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        assert.equal(plainAddress(plainAddress(address)), plainAddress(address))
      }),
    )
  })
})
