import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { serve } from '../support/gateway.ts'
import { newSigner } from '../support/tokens.ts'

const hook = join(import.meta.dirname, '../support/loaded-hook.ts')

suite('a gateway whose file has keys in a file and no stores', () => {
  let folder: string
  let loaded: readonly string[]
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'heimdall-'))
    const list = join(folder, 'loaded.json')
    const gateway = await serve(
      `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
upstreams: { service: "http://127.0.0.1:9" }
authenticators:
  issuer: { jwt: { issuer: https://id.test, audience: test, jwks_file: jwks.json } }
limits: { per-subject: { allow: 10/min, by: subject } }
routes: [{ path: /a, upstream: service, authenticate: [issuer], limits: [per-subject] }]
`,
      {
        files: { 'jwks.json': JSON.stringify({ keys: [newSigner('RS256', 'a').jwk] }) },
        env: { LOADED_TO: list },
        flags: [`--import=${hook}`],
      },
    )
    await gateway.end()
    loaded = JSON.parse(readFileSync(list, 'utf8')) as string[]
  })
  after(() => rmSync(folder, { recursive: true }))

  const packages = () => new Set(loaded.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []))
  const sources = () => loaded.flatMap((url) => /\/src\/(.+)$/.exec(url.replace(/.*node_modules.*/, ''))?.[1] ?? [])

  test('loads what it needs', () => {
    for (const name of ['zod', 'yaml', 'pino', 'prom-client', 'jose']) assert.ok(packages().has(name), name)
    for (const file of ['main.ts', 'cli/commands/serve.ts', 'authn/key-sets/file.ts'])
      assert.ok(sources().includes(file), file)
  })

  test('loads no client of a store, none of keys that are fetched, and nothing that only others need', () => {
    const clients = ['pg', 'kysely', 'ioredis', '@electric-sql/pglite', 'undici', '@opentelemetry/api']
    assert.deepEqual(
      clients.filter((name) => packages().has(name)),
      [],
    )
    assert.deepEqual(
      sources().filter((file) => file.startsWith('stores/')),
      [],
    )
  })

  test('loads no command but its own, no demo and no attack', () => {
    assert.deepEqual(
      sources().filter((file) => /^(?:cli\/commands|cli\/dev|cli\/profile|probe)\//.test(file)),
      ['cli/commands/serve.ts'],
    )
  })

  test('loads neither the client that Node brings along nor its inspector', () => {
    const heavy = ['internal/deps/undici/undici', 'inspector', 'inspector/promises']
    assert.deepEqual(
      loaded.filter((name) => heavy.includes(name.replace(/^NativeModule |^node:/, ''))),
      [],
    )
  })

  test('reads no more than 560 files', () => {
    const files = loaded.filter((url) => url.startsWith('file:'))
    assert.ok(files.length > 200 && files.length < 560, String(files.length))
  })
})
