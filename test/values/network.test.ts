import assert from 'node:assert/strict'
import { BlockList, isIPv6 } from 'node:net'
import { suite, test } from 'node:test'

import type { z } from 'zod'

import { address, cidr, httpUrl, isLoopback, isMetadata } from '#values/network.ts'

function problems(schema: z.ZodType, value: unknown): readonly string[] {
  const result = schema.safeParse(value)
  return result.success ? [] : result.error.issues.map((issue) => issue.message)
}

suite('cidr', () => {
  for (const text of [
    '10.0.0.0/8',
    '10.0.0.1',
    '0.0.0.0/0',
    '10.0.0.0/32',
    '::1',
    '::/0',
    'fd00::/8',
    '2001:db8::/128',
  ])
    test(`${text} is a network that Node can use`, () => {
      assert.equal(cidr().parse(text), text)
      const [network = '', prefix = '32'] = text.split('/')
      assert.doesNotThrow(() => new BlockList().addSubnet(network, Number(prefix), isIPv6(network) ? 'ipv6' : 'ipv4'))
    })

  for (const value of [
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    'localhost',
    'fe80::1%eth0',
    '10.0.0.0/ 8',
  ])
    test(`refuses ${JSON.stringify(value)}`, () => {
      assert.deepEqual(problems(cidr(), value), ['must be an address or a network such as 10.0.0.0/8 or ::1'])
    })
})

suite('address', () => {
  for (const [text, host, port] of [
    ['0.0.0.0:8080', '0.0.0.0', 8080],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['localhost:65535', 'localhost', 65_535],
    ['[::1]:80', '::1', 80],
    ['8080', '0.0.0.0', 8080],
  ] as const)
    test(`${text} is host ${host} and port ${port}`, () => {
      assert.deepEqual(address().parse(text), { host, port })
    })

  for (const value of ['', 'x', ':80', 'localhost', 'a b:80', '::1:80', 'http://a:80', 'a:-1', 'a:123456'])
    test(`refuses ${JSON.stringify(value)} with one message`, () => {
      assert.deepEqual(problems(address(), value), ['must be HOST:PORT such as 0.0.0.0:8080'])
    })

  test('refuses a number, a port that is none and brackets around anything but IPv6', () => {
    assert.deepEqual(problems(address(), 8080), ['must be HOST:PORT'])
    assert.deepEqual(problems(address(), 'a:65536'), ['has a port above 65535'])
    assert.deepEqual(problems(address(), '[::::]:80'), ['has brackets around what is not IPv6'])
    assert.deepEqual(problems(address(), '[1.2.3.4]:80'), ['has brackets around what is not IPv6'])
  })
})

suite('httpUrl', () => {
  for (const text of ['http://127.0.0.1:3000', 'https://id.test/realms/x?y=1', 'HTTP://[::1]:80/', 'http://a/@b'])
    test(`takes ${text} as written`, () => {
      assert.equal(httpUrl().parse(text), text)
    })

  for (const value of [
    '',
    'id.test',
    '//id.test',
    'ftp://id.test',
    'file:///etc/passwd',
    'http:id.test',
    'http:/id.test',
    'http://',
    'http://user@h',
    'http://user:pw@h',
    'http://:pw@h',
    'http://h#x',
    'http://h#',
    ' http://h',
    'http://h\n',
    'http://a\\b',
    'http://a b',
    'http://h:99999',
    'http://[::::]',
  ])
    test(`refuses ${JSON.stringify(value)}`, () => {
      assert.deepEqual(problems(httpUrl(), value), ['must be an http:// or https:// URL without user or fragment'])
    })
})

suite('isLoopback', () => {
  for (const host of ['localhost', 'LOCALHOST', 'id.localhost', '127.0.0.1', '127.255.0.3', '::1', '[::1]'])
    test(`${host} stays on the machine`, () => {
      assert.ok(isLoopback(host))
    })

  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    'localhost.test',
    'notlocalhost',
    '127.0.0.1.test',
    '1127.0.0.1',
  ])
    test(`${JSON.stringify(host)} does not`, () => {
      assert.ok(!isLoopback(host))
    })
})

suite('isMetadata', () => {
  for (const url of [
    'http://169.254.169.254/latest/meta-data',
    'http://169.254.1.1',
    'http://0xA9.254.43518',
    'http://2852039166',
    'http://169.254.169.254.',
    'http://[::ffff:169.254.169.254]',
    'http://[64:ff9b::a9fe:a9fe]',
    'http://[fe80::1]',
    'http://[febf::1]',
    'http://[fd00:ec2::254]',
    'http://[fd00:ec2::23]',
    'http://100.100.100.200',
    'http://168.63.129.16/machine?comp=goalstate',
    'http://192.0.0.192',
    'http://[::ffff:168.63.129.16]',
    'http://[64:ff9b::100.100.100.200]',
  ])
    test(`${url} leads to what only clouds offer`, () => {
      assert.ok(isMetadata(new URL(url).hostname))
    })

  test('an address with a zone does too', () => assert.ok(isMetadata('fe80::1%eth0')))

  for (const host of ['', 'id.test', '127.0.0.1', '10.0.0.1', '192.168.1.1', '[fd00::1]', '[fec0::1]', '169.254'])
    test(`${JSON.stringify(host)} does not`, () => {
      assert.ok(!isMetadata(host))
    })
})
