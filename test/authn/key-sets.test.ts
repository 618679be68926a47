import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import { Agent } from 'undici'

import { createKeySets, type KeySets } from '#authn/key-sets.ts'
import { loadByDiscovery } from '#authn/key-sets/discovery.ts'
import type { KeySource } from '#authn/key-sets/source.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { resolving } from '../support/resolver.ts'
import { startJwksServer, type JwksServer, type Mode } from '../support/jwks-server.ts'
import { eventually } from '../support/processes.ts'
import { newSigner } from '../support/tokens.ts'

const first = newSigner('ES256', 'first').jwk
const second = newSigner('ES256', 'second').jwk
const pace = { cooldown: 30_000, refresh: 600_000, max_stale: 86_400_000 }

let server: JwksServer
let keySets: KeySets
let ahead = 0

beforeEach(async () => {
  ahead = 0
  server = await startJwksServer([first])
  keySets = createKeySets({ metrics: createMetrics(), log: silent, monotonic: () => performance.now() + ahead })
})

afterEach(async () => {
  await keySets.close()
  await server.close()
})

const byUrl = (at = server.url): KeySource => ({ kind: 'url', at, pace })
const byDiscovery = (at = server.origin): KeySource => ({ kind: 'discovery', at, pace })

/** Loads a source and says what came of it. */
async function load(source: KeySource): Promise<{ kids: unknown; error: string | undefined }> {
  const set = keySets.get(source, 'acme')
  await set.refresh()
  const kids = set.find(undefined, 'ES256')?.map((key) => key.kid)
  return { kids, error: set.status().last_error }
}

suite('keys from a URL', () => {
  test('are loaded once for 500 waiters', async () => {
    const set = keySets.get(byUrl(), 'acme')
    await Promise.all(Array.from({ length: 500 }, async () => set.refresh()))
    assert.equal(set.find('first', 'ES256')?.length, 1)
    assert.equal(server.count.jwks, 1)
  })

  for (const [mode, error] of [
    ['status', /^status: answered 500$/],
    ['huge', /^too_large/],
    ['redirect', /^status: answered 302$/],
    ['garbage', /^malformed/],
    ['truncated', /^unreachable/],
    ['reset', /^unreachable/],
    ['silent', /^timeout/],
    ['drip', /^timeout/],
  ] as [Mode, RegExp][])
    test(`are fetched once per cooldown from an endpoint that answers with ${mode}`, async () => {
      server.mode = mode
      const set = keySets.get(byUrl(), 'acme')
      const started = performance.now()
      await set.refresh()
      assert.ok(performance.now() - started < 2500, 'ends within its deadline')
      for (let request = 0; request < 100; request += 1) assert.equal(set.refresh(), undefined)
      assert.match(set.status().last_error ?? '', error)
      assert.equal(set.find('first', 'ES256'), undefined)
      assert.deepEqual([server.count.jwks, server.count.other], [1, 0], 'and no redirect is followed')

      server.mode = 'ok'
      ahead += 30_000
      await set.refresh()
      assert.equal(set.find('first', 'ES256')?.length, 1, 'recovers by itself')
    })

  test('are reported unreachable when nobody listens', async () => {
    await server.close()
    assert.match((await load(byUrl())).error ?? '', /^unreachable: ECONNREFUSED/)
    server = await startJwksServer()
  })

  test('survive a rotation: the old key until it is gone, the new one from then on', async () => {
    const set = keySets.get(byUrl(), 'acme')
    await set.refresh()
    server.keys = [second]
    assert.deepEqual(set.find('second', 'ES256'), [])
    ahead += 30_000
    await set.refresh()
    assert.equal(set.find('second', 'ES256')?.length, 1)
    assert.deepEqual(set.find('first', 'ES256'), [])
  })
})

suite('keys by discovery', () => {
  test('are loaded from where the metadata says', async () => {
    server.metadata = { issuer: server.origin, jwks_uri: server.url }
    assert.deepEqual(await load(byDiscovery()), { kids: ['first'], error: undefined })
    assert.deepEqual(server.count, { jwks: 1, metadata: 1, other: 0 })
  })

  test('are found below the path of the issuer, with or without a final slash', async () => {
    for (const issuer of [`${server.origin}/realms/a`, `${server.origin}/realms/b/`]) {
      server.metadata = { issuer, jwks_uri: server.url }
      assert.deepEqual((await load(byDiscovery(issuer))).kids, ['first'])
    }
  })

  test('are refused from metadata of another issuer', async () => {
    for (const issuer of [`${server.origin}/`, 'https://evil.test', undefined, [server.origin]]) {
      server.metadata = { issuer, jwks_uri: server.url }
      ahead += 30_000
      assert.match((await load(byDiscovery())).error ?? '', /^issuer_mismatch/)
    }
    assert.equal(server.count.jwks, 0)
  })

  for (const url of [
    'http://169.254.169.254/latest/meta-data',
    'https://169.254.169.254/latest/meta-data',
    'http://[fe80::1]/jwks',
    'https://[::ffff:169.254.169.254]/jwks',
    'https://[fd00:ec2::254]/jwks',
    'http://id.test/jwks',
    'file:///etc/passwd',
    'ftp://127.0.0.1/jwks',
    'data:application/json,{"keys":[]}',
    'http://user@127.0.0.1/jwks',
    '/jwks',
    '',
    7,
    undefined,
  ])
    test(`are not fetched from ${String(url)}`, async () => {
      server.metadata = { issuer: server.origin, jwks_uri: url }
      assert.match((await load(byDiscovery())).error ?? '', /^url_refused/)
    })

  test('are not fetched from this machine for an issuer elsewhere', async () => {
    const connect = { lookup: resolving('127.0.0.1') } // to `id.test`, an address is not looked up
    const dispatcher = new Agent({ connect })
    const fetching = () => Promise.resolve(dispatcher)
    const { port } = new URL(server.origin)
    const issuer = `http://id.test:${port}`
    for (const host of ['localhost', '127.0.0.1', '0.0.0.0', '[::]', '[::1]', '[::ffff:127.0.0.1]'])
      for (const scheme of ['http', 'https']) {
        server.metadata = { issuer, jwks_uri: `${scheme}://${host}:${port}/jwks` }
        const loaded = await loadByDiscovery(issuer, fetching)(new AbortController().signal)
        assert.equal(loaded.kind === 'failed' && loaded.outcome, 'url_refused', host)
      }
    server.metadata = { issuer, jwks_uri: `${issuer}/jwks` }
    assert.equal((await loadByDiscovery(issuer, fetching)(new AbortController().signal)).kind, 'loaded')
    assert.equal(server.count.jwks, 1)
    await dispatcher.close()
  })

  test('are reported missing when there is no metadata, or none that can be read', async () => {
    assert.match((await load(byDiscovery())).error ?? '', /^status: answered 404/)
    server.metadata = [server.origin]
    ahead += 30_000
    assert.match((await load(byDiscovery())).error ?? '', /^malformed/)
  })
})

suite('keys from a file', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heimdall-keys-'))
  })
  after(() => rm(folder, { recursive: true }))

  const write = (name: string, ...keys: unknown[]) => writeFile(join(folder, name), JSON.stringify({ keys }))
  const byFile = (name: string): KeySource => ({ kind: 'file', at: join(folder, name), pace })

  test('are taken over when the file changes, and when a symlink is swapped', async () => {
    await write('a.json', first)
    await write('b.json', second)
    await symlink(join(folder, 'a.json'), join(folder, 'keys.json'))
    const set = keySets.get(byFile('keys.json'), 'acme')
    await set.refresh()
    assert.equal(set.find('first', 'ES256')?.length, 1)

    await symlink(join(folder, 'b.json'), join(folder, 'next'))
    await rename(join(folder, 'next'), join(folder, 'keys.json'))
    await eventually('the other file', () => set.find('second', 'ES256')?.length === 1)
  })

  test('stay as they were while the file is broken or gone', async () => {
    await write('c.json', first)
    const set = keySets.get(byFile('c.json'), 'acme')
    await set.refresh()
    await writeFile(join(folder, 'c.json'), '{"keys": [')
    ahead += 1000
    await set.refresh()
    assert.match(set.status().last_error ?? '', /^malformed/)
    await rm(join(folder, 'c.json'))
    ahead += 1000
    await set.refresh()
    assert.match(set.status().last_error ?? '', /^unreachable/)
    assert.equal(set.find('first', 'ES256')?.length, 1)
  })

  test('are not read from a file over 256 kB, a folder or nowhere', async () => {
    await writeFile(join(folder, 'big.json'), ' '.repeat(257 * 1024))
    assert.match((await load(byFile('big.json'))).error ?? '', /^too_large/)
    assert.match((await load(byFile('.'))).error ?? '', /^unreachable/)
    assert.match((await load(byFile('none.json'))).error ?? '', /^unreachable/)
  })
})

suite('the registry of key sets', () => {
  test('shares a set among all who name the same source', async () => {
    const set = keySets.get(byUrl(), 'acme')
    assert.equal(keySets.get(byUrl(), 'other'), set)
    const paced = keySets.get({ ...byUrl(), pace: { ...pace, cooldown: 1000 } }, 'acme')
    assert.notEqual(paced, set)
    await Promise.all([set, paced].map(async (one) => one.refresh()))
    assert.equal(server.count.jwks, 2)
  })

  test('keeps what a new file still uses, and drops the rest', async () => {
    const kept = keySets.get(byUrl(), 'acme')
    const dropped = keySets.get(byUrl(`${server.origin}/other`), 'other')
    keySets.retain([byUrl()])
    assert.equal(keySets.get(byUrl(), 'acme'), kept)
    assert.notEqual(keySets.get(byUrl(`${server.origin}/other`), 'other'), dropped)
    assert.equal(keySets.status().length, 2)
  })

  test('lets a reload drop a set in the middle of its fetch (CVE-2025-64527, CVE-2024-45809)', async () => {
    server.mode = 'drip'
    const sets = [byUrl(), byUrl(`${server.origin}/other`)].map((source) => keySets.get(source, 'acme'))
    const loading = sets.map(async (set) => set.refresh())
    await eventually('the fetch', () => server.count.jwks === 1)
    keySets.retain([])
    server.mode = 'ok'
    const next = keySets.get(byUrl(), 'acme')
    await next.refresh()
    assert.equal(next.find('first', 'ES256')?.length, 1)
    await Promise.all(loading)
    assert.equal(sets[0]?.find('first', 'ES256'), undefined)
  })

  test('is not held up by one issuer that fails', async () => {
    const other = await startJwksServer([second])
    server.mode = 'silent'
    const hung = keySets.get(byUrl(), 'hung')
    const well = keySets.get(byUrl(other.url), 'well')
    await well.refresh()
    assert.equal(well.find('second', 'ES256')?.length, 1)
    const [first_, second_] = keySets.status()
    assert.deepEqual(
      [first_, { ...second_, age_ms: 0 }],
      [
        { authenticator: 'hung', ready: false },
        { authenticator: 'well', ready: true, age_ms: 0 },
      ],
    )
    await hung.refresh()
    assert.match(hung.status().last_error ?? '', /^timeout/)
    await other.close()
  })

  test('ends fetches under way when it is closed', async () => {
    server.mode = 'silent'
    const set = keySets.get(byUrl(), 'acme')
    const loading = set.refresh()
    await eventually('the fetch', () => server.count.jwks === 1)
    await keySets.close()
    const before = performance.now()
    await loading
    assert.ok(performance.now() - before < 500)
    assert.match(set.status().last_error ?? '', /^unreachable/)
  })
})
