import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { locate } from '#probe/place.ts'

const at = (url: string, owned: boolean, ...addresses: readonly string[]) =>
  locate(new URL(url), owned, () => Promise.resolve(addresses.map((address) => ({ address }))))

const told = (place: unknown) => (typeof place === 'string' ? place : JSON.stringify(place))

suite('where the probe may go', () => {
  test('is to addresses of this machine', async () => {
    assert.deepEqual(await at('http://a.test/', false, '127.0.0.1'), { address: '127.0.0.1', port: 80, tls: undefined })
    assert.deepEqual(await at('https://a.test:8443/', false, '::1', '127.9.9.9'), {
      address: '::1',
      port: 8443,
      tls: 'a.test',
    })
    assert.deepEqual(await locate(new URL('https://[::1]/'), false), { address: '::1', port: 443, tls: '::1' })
  })

  for (const addresses of [
    ['192.0.2.1'],
    ['127.0.0.1', '192.0.2.1'],
    ['::1', '2001:db8::1'],
    ['0.0.0.0'],
    ['::'],
    ['169.254.169.254'],
  ])
    test(`is not to ${addresses.join(' and ')} unless somebody vouches`, async () => {
      assert.match(told(await at('http://localhost/', false, ...addresses)), /--i-own-this/)
      assert.equal(((await at('http://localhost/', true, ...addresses)) as { address: string }).address, addresses[0])
    })

  test('is nowhere when the name has no address', async () => {
    assert.match(told(await at('http://a.test/', true)), /has no address/)
    const failing = () => Promise.reject(new Error('ENOTFOUND'))
    assert.match(told(await locate(new URL('http://a.test/'), true, failing)), /has no address/)
  })
})
