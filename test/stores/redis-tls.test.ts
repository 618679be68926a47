/**
 * Redis over TLS: who is trusted, who is told who we are, and that nothing is sent to anybody else.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'

import { connectRedis } from '#stores/redis.ts'
import { createSharedCache } from '#stores/shared-cache.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { certify, noOpenssl } from '../support/certificates.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { noCluster, startCluster } from '../support/redis-cluster.ts'
import { startSentinels } from '../support/redis-sentinel.ts'
import { serverTls, startRedis, type ServerTls } from '../support/redis.ts'

suite('Redis over TLS', { skip: noCluster || noOpenssl }, () => {
  const keep = keeper()
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-tls-'))
  keep({ close: () => Promise.resolve(rmSync(folder, { recursive: true })) })
  let tls: ServerTls
  before(() => {
    tls = serverTls(folder, certify('IP:127.0.0.1'), true)
  })

  /** Connects, and tells what the log says of it. */
  const connect = (url: string) => {
    const errors: string[] = []
    const note = (fields: object) => void ('error' in fields && errors.push(String(fields.error)))
    const log = { debug: note, info: note, warn: note, error: note }
    const store = connectRedis(url, { metrics: createMetrics(), log })
    keep({ close: () => Promise.resolve(store.close()) })
    return { store, errors }
  }
  const withFiles = (url: string) => {
    const { ca, cert, key } = tls.files
    return `${url}?ca=${ca}&cert=${cert}&key=${key}`
  }

  test('trusts the authority of the file and shows its own certificate', async () => {
    const { url } = keep(await startRedis([], { tls }))
    const { store } = connect(withFiles(url))
    await eventually('connected', () => store.ready())
    const { clock } = await createSharedCache(store).read('k')
    await createSharedCache(store).write('k', 'text', clock + 5000)
    assert.equal((await createSharedCache(store).read('k')).value, 'text')
  })

  test('trusts nobody else, and says so', async () => {
    const { url } = keep(await startRedis([], { tls }))
    const { store, errors } = connect(url)
    await eventually('it says so', () => errors.some((error) => /self-signed|unable to (?:get|verify)/.test(error)))
    assert.equal(store.ready(), false)
  })

  test('believes a certificate for its names alone', async () => {
    const { url } = keep(await startRedis([], { tls }))
    const { store, errors } = connect(withFiles(url.replace('127.0.0.1', 'localhost')))
    await eventually('it says so', () => errors.some((error) => /Hostname\/IP does not match/.test(error)))
    assert.equal(store.ready(), false)
  })

  test('speaks no TLS to a server unless told, and none in the clear when told', async () => {
    const secure = keep(await startRedis([], { tls }))
    const plain = keep(await startRedis())
    const stores = [secure.url.replace('rediss', 'redis'), plain.url.replace('redis', 'rediss')].map(connect)
    await eventually('both failed', () => stores.every(({ errors }) => errors.length > 0))
    assert.ok(stores.every(({ store }) => !store.ready()))
  })

  for (const [name, start] of [
    ['Sentinels and their servers', startSentinels],
    ['every node of a Cluster', startCluster],
  ] as const)
    test(`speaks it to ${name}, shows each its password, and the log none`, async () => {
      const servers = keep(await start(tls))
      for (const { client } of servers.nodes) await client.acl('SETUSER', 'gateway', 'on', '>of-redis', '~*', '+@all')
      const sentinels = 'sentinels' in servers ? servers.sentinels : []
      for (const { client } of sentinels) await client.call('ACL', 'SETUSER', 'default', 'resetpass', '>of-sentinels')
      const options = 'sentinels' in servers ? '&sentinel_password=of-sentinels' : ''

      const wrong = connect(withFiles(servers.url.replace('//', '//gateway:mistaken@')) + options)
      await eventually('it is refused', () => wrong.errors.some((error) => error.includes('WRONGPASS')))
      assert.equal(wrong.store.ready(), false)
      assert.doesNotMatch(wrong.errors.join(), /mistaken|of-sentinels/)

      const { store } = connect(withFiles(servers.url.replace('//', '//gateway:of-redis@')) + options)
      await eventually('connected', () => store.ready())
      const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
      const reads = await Promise.all(keys.map((key) => createSharedCache(store).read(key)))
      assert.ok(reads.every(({ value }) => value === undefined))
    })
})
