/**
 * The file: what it may hold, where values come from, and what is refused before a request could meet it.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { heimdall } from '../support/command.ts'
import { serve } from '../support/gateway.ts'
import { claimsNow } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { token } from '../support/tokens.ts'
import { startUpstream } from '../support/upstream.ts'

const start = 'version: 1\nlisten: 127.0.0.1:0\nprobes: 127.0.0.1:0\ngrace: 500ms\n'
const rest = 'upstreams: { service: "http://127.0.0.1:1" }\nroutes: [{ path: /x, public: true, upstream: service }]\n'

suite('the file', { concurrency: 2 }, () => {
  const keep = keeper()
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-file-'))
  after(() => rmSync(folder, { recursive: true }))
  let files = 0

  /** Exit code and complaints of `check`, or of `serve`, which must then refuse to start. */
  const judge = async (yaml: string, command = 'check') => {
    const path = join(folder, `${(files += 1)}.yaml`)
    writeFileSync(path, yaml)
    const { code, err } = await heimdall([command, '--config', path])
    return { code, err }
  }

  test('takes values from variables, from defaults and from files, and never shows a secret', async () => {
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    const secret = randomBytes(32).toString('base64url')
    const yaml = `${start}
accept_risk: [symmetric_algorithms]
log: { level: debug }
upstreams: { service: "\${SERVICE_URL}" }
authenticators:
  id: { jwt: { issuer: "\${ISSUER:-https://default.test}", audience: orders-api, algorithms: [HS256], secret: "\${file:secret}" } }
routes: [{ path: /x, upstream: service, authenticate: [id] }]
`
    const gateway = keep(await serve(yaml, { files: { secret: `${secret}\n` }, env: { SERVICE_URL: upstream.url } }))
    const signer = { alg: 'HS256', kid: 'shared', key: createSecretKey(Buffer.from(secret)), jwk: {} }
    const text = token(signer, claimsNow('https://default.test', 'alice'), { kid: undefined })
    assert.equal((await ask(gateway, 'GET /x', { Authorization: `Bearer ${text}` })).text, 'service')
    await gateway.line(({ msg }) => msg === 'request')
    const shown = JSON.stringify(gateway.lines) + gateway.errors() + (await gateway.metrics())
    assert.ok(!shown.includes(secret))
    assert.ok(!shown.includes(text.slice(-20)))
  })

  test('names the variable that is missing', async () => {
    const { code, err } = await judge(start + rest.replace('http://127.0.0.1:1', '${NOT_SET_ANYWHERE}'))
    assert.equal(code, 1)
    assert.match(err, /NOT_SET_ANYWHERE/)
  })

  test('lets variables override where it listens', async () => {
    const gateway = keep(
      await serve(start.replace('127.0.0.1:0', '127.0.0.1:1') + rest, { env: { HEIMDALL_LISTEN: '127.0.0.1:0' } }),
    )
    assert.notEqual(gateway.port, 1)
    assert.equal(outcomeOf(await ask(gateway, 'GET /y')), '404 route_unknown')
  })

  test('refuses every dangerous setting until its name stands in accept_risk, in serve as in check', async () => {
    const dangerous = `${start}
admin: 0.0.0.0:9090
trusted_proxies: [0.0.0.0/0]
upstreams: { service: "http://127.0.0.1:1" }
authenticators:
  plain: { jwt: { issuer: "http://id.example", audience: a } }
  shared:
    jwt:
      issuer: x
      audience: a
      algorithms: [HS256]
      secret: a-shared-secret-of-at-least-32-bytes
routes: [{ path: /**, public: true, upstream: service }]
`
    const risks = ['public_admin', 'trust_everyone', 'plain_http_issuer', 'symmetric_algorithms', 'public_by_default']
    for (const command of ['check', 'serve']) {
      const { code, err } = await judge(dangerous, command)
      assert.equal(code, 1, command)
      for (const risk of risks) assert.ok(err.includes(`accept_risk: [${risk}]`), `${command}: ${risk}`)
      assert.ok(!err.includes('a-shared-secret'), 'shows the secret')
    }
    assert.deepEqual(await judge(`${dangerous}accept_risk: [${risks.join(', ')}]\n`), { code: 0, err: '' })
  })

  test('refuses a route that nobody would have to prove anything for and that does not say so', async () => {
    const { code, err } = await judge(`${start}${rest.replace('public: true, ', '')}`)
    assert.equal(code, 1)
    assert.match(err, /routes\[0\]/)
  })

  test('refuses what is not built yet as such, instead of ignoring it', async () => {
    const { code, err } = await judge(`${start.replace('127.0.0.1:0', 'unix:/tmp/x')}publish: true\n${rest}`)
    assert.equal(code, 1)
    assert.match(err, /publish/)
    assert.match(err, /listen/)
  })

  test('refuses YAML bombs and keys that would reach into the program, at once', async () => {
    const bomb = Array.from({ length: 12 }, (_, level) => {
      const inner = level === 0 ? 'x' : `*a${level - 1}`
      return `a${level}: &a${level} [${Array(10).fill(inner).join(', ')}]`
    }).join('\n')
    const began = performance.now()
    for (const yaml of [`${start}${bomb}\n${rest}`, `${start}${rest}__proto__: { admin: true }\n`]) {
      const { code, err } = await judge(yaml)
      assert.equal(code, 1)
      assert.ok(err.length < 5000, `${err.length} characters of complaint`)
    }
    assert.ok(performance.now() - began < 15_000)
  })
})
