import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { clientNetwork } from '#ratelimit/keys/client.ts'

const usual = { ipv4: 32, ipv6: 64 }
const network = (address: string, prefix = usual) => clientNetwork(address, prefix)

suite('client key', () => {
  test('is one per IPv4 address, in every spelling of it', () => {
    for (const spelling of ['::ffff:1.2.3.4', '::FFFF:1.2.3.4', '::ffff:102:304', '0:0:0:0:0:ffff:0102:0304']) {
      assert.equal(network(spelling), '1.2.3.4', spelling)
    }
    assert.equal(network('1.2.3.4'), '1.2.3.4')
    assert.notEqual(network('::ffff:1.2.3.5'), network('1.2.3.4'))
  })

  test('is one per IPv6 /64, in every spelling of it', () => {
    const spellings = [
      '2001:db8::1',
      '2001:DB8::1',
      '2001:0db8:0:0:ffff::',
      '2001:db8::1.2.3.4',
      '2001:db8:0:0:1:2:3:4',
    ]
    assert.deepEqual(new Set(spellings.map((spelling) => network(spelling))), new Set(['2001:db8:0:0/64']))
    assert.notEqual(network('2001:db8:0:1::1'), network('2001:db8::1'))
    assert.equal(network('::1'), '0:0:0:0/64')
    assert.equal(network('::'), '0:0:0:0/64')
    assert.equal(network('fe80::1%eth0'), 'fe80:0:0:0/64')
    assert.equal(network('1:2:3:4:5:6:7::'), '1:2:3:4/64')
  })

  test('follows client_prefix', () => {
    assert.equal(network('10.20.30.40', { ipv4: 24, ipv6: 64 }), '10.20.30/24')
    assert.equal(network('10.20.30.255', { ipv4: 20, ipv6: 64 }), '10.20.16/20')
    assert.equal(network('::ffff:10.20.30.40', { ipv4: 24, ipv6: 64 }), '10.20.30/24')
    assert.equal(network('2001:db8:abcd:12ff::1', { ipv4: 32, ipv6: 56 }), '2001:db8:abcd:1200/56')
    assert.equal(network('2001:db8::1', { ipv4: 32, ipv6: 128 }), '2001:db8:0:0:0:0:0:1/128')
  })

  test('is none for text that is no address', () => {
    for (const text of ['', 'unix', '1.2.3', '01.2.3.4', ':::', '1.2.3.4, 5.6.7.8'])
      assert.equal(network(text), undefined)
  })
})
