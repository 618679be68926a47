/**
 * Attacks by way of the file, and on what shows it: C11, C12, C17, and what J17 and J18 refuse before anything is served.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, suite, test } from 'node:test'

import { problemsOf } from '../config/world.ts'
import { fixed } from '../support/answers.ts'
import { ask, outcomeOf, type AskHeaders } from '../support/ask.ts'
import { heimdall } from '../support/command.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { hostileFiles } from '../support/hostile-files.ts'
import { keeper } from '../support/keeper.ts'
import { freePort } from '../support/processes.ts'
import { startUpstream } from '../support/upstream.ts'
import { until } from '../support/wire.ts'

const PASSWORDS = [
  'redis-password',
  'postgres-password',
  's3cret-of-thirty-two-bytes-or-more',
  'word-of-the-environment',
]

suite('a hostile file', () => {
  const keep = keeper()
  let gateway: TestGateway
  let admin: { port: number }

  const file = (upstream: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
admin: 127.0.0.1:${admin.port}
grace: 500ms
accept_risk: [symmetric_algorithms]
stores:
  redis: redis://:${PASSWORDS[0]}@127.0.0.1:1
  postgres: postgres://gateway:${PASSWORDS[1]}@127.0.0.1:1/heimdall
upstreams: { service: "${upstream}" }
authenticators:
  mac: { jwt: { issuer: mac, audience: "\${WORD}", secret: ${PASSWORDS[2]}, algorithms: [HS256] } }
  robots: { api_key: { keys: [{ id: k1, subject: robot, digest: "sha256:${'5ec7e7'.repeat(11).slice(0, 64)}" }] } }
defaults: { upstream: service, authenticate: [mac, robots] }
routes:
  - { path: /open, public: true }
  - { path: "/(a+)+$", public: true }
  - { path: "/{a}/{b}/{c}/{d}/x", public: true }
  - { path: "/a/{b}/{c}/{d}/y", public: true }
  - { path: /mine }
`

  before(async () => {
    admin = { port: await freePort() }
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    gateway = keep(await serve(file(upstream.url), { env: { WORD: PASSWORDS[3] } }))
  })

  const outcome = async (line: string, headers: AskHeaders = {}, at: { port: number } = gateway) =>
    outcomeOf(await ask(at, line, headers))
  const refusedFiles = () => gateway.lines.filter(({ msg }) => msg === 'configuration refused').length

  for (const [what, text] of Object.entries(hostileFiles))
    test(`C11 CVE-2025-64718 CVE-2026-53550: ${what} is refused, and the gateway goes on with what it had`, async () => {
      const before = refusedFiles()
      gateway.rewrite(text)
      await until(() => refusedFiles() > before, 'the file to be refused')
      assert.equal(await outcome('GET /open'), '200')
      assert.equal(await outcome('GET /mine'), '401 no_credentials')
    })

  test('C11: none of it made the process grow, and prototypes are what they were', async () => {
    const before = refusedFiles()
    gateway.rewrite('version: 1\n__proto__: { public: true }\nroutes: [{ path: /mine, <<: { public: true } }]')
    await until(() => refusedFiles() > before, 'the file to be refused')
    assert.equal(await outcome('GET /mine'), '401 no_credentials')
    const [, resident] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8')) ?? []
    assert.ok(Number(resident) < 400 * 1024, `${resident} KiB`)
    assert.equal(gateway.errors(), '')
  })

  test('C12 CVE-2024-45296: an expression in a path is text, and no key of the file takes one', async () => {
    assert.equal(await outcome('GET /(a+)+$'), '200')
    assert.equal(await outcome('GET /aaa'), '404 route_unknown')
    const { out } = await heimdall(['schema'])
    const names = [...out.matchAll(/"([a-z_]+)": \{/g)].map(([, name]) => name)
    assert.ok(names.includes('path'))
    assert.deepEqual(
      names.filter((name) => /regex|regexp|pattern|expression|match/.test(name ?? '')),
      [],
    )
  })

  test('C12: a long path that nearly matches costs no more than a short one', async () => {
    const spent = async (line: string) => {
      const began = cpuOf(gateway.pid)
      for (let round = 0; round < 100; round += 1) assert.equal(await outcome(line), '404 route_unknown')
      return cpuOf(gateway.pid) - began
    }
    await spent('GET /b/b/b/b/z')
    const short = await spent('GET /b/b/b/b/z')
    const long = await spent(`GET ${'/a'.repeat(7000)}/z`)
    assert.ok(long <= 4 * short + 30, `${short} ticks, then ${long}`)
  })

  test('C17 CVE-2024-39315: the admin page shows no secret of the file', async () => {
    const page = await ask(admin, 'GET /config', { Host: `127.0.0.1:${admin.port}` })
    assert.equal(page.status, 200)
    assert.equal(page.header('cache-control'), 'no-store')
    assert.match(page.text, /"\/mine"/)
    for (const text of [page.text, JSON.stringify(gateway.lines), await gateway.metrics()])
      for (const secret of [...PASSWORDS, '5ec7e75ec7e7']) assert.ok(!text.includes(secret), secret)
  })

  for (const host of [
    '127.0.0.1',
    '127.0.0.1:9090',
    'localhost',
    'LOCALHOST:1',
    '[::1]:9090',
    '10.0.0.1',
    'a.localhost',
  ])
    test(`C17: the admin page answers to ${host}`, async () => {
      assert.equal(await outcome('GET /config', { Host: host }, admin), '200')
    })

  for (const host of [
    'evil.test',
    'evil.test:9090',
    '127.0.0.1.evil.test',
    'localhost.evil.test',
    'localhost@evil.test',
    '',
    'a b',
    '0x7f.1',
  ])
    test(`C17: a page at ${JSON.stringify(host)} that was made to resolve here reads nothing`, async () => {
      assert.equal(await outcome('GET /config', { Host: host }, admin), '400 host_invalid')
    })

  test('C17: the admin pages are two, the file read only, and nowhere else', async () => {
    const local = { Host: 'localhost' }
    for (const line of ['GET /', 'GET /config/', 'GET //config', 'GET /../config', 'GET /explain', 'POST /profile/'])
      assert.equal(await outcome(line, local, admin), '404 route_unknown', line)
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      assert.equal(await outcome(`${method} /config`, local, admin), '405 method_not_allowed')
    assert.equal(await outcome('GET /profile', local, admin), '405 method_not_allowed')
    for (const line of ['GET /config', 'POST /profile']) assert.equal(await outcome(line), '404 route_unknown')
    const probes = { port: Number(new URL(gateway.probes).port) }
    assert.equal(await outcome('GET /config', {}, probes), '404 route_unknown')
  })
})

suite('a file that trusts too much', () => {
  const keys = (jwt: string) => `
version: 1
upstreams: { service: http://127.0.0.1:1 }
authenticators: { acme: { jwt: { audience: api, ${jwt} } } }
routes: [{ path: /, upstream: service, authenticate: [acme] }]
`
  const METADATA = 'must not be an address at which clouds give credentials to machines'
  const URLS = 'must be an http:// or https:// URL without user or fragment'

  for (const [row, jwt, complaint] of [
    ['J2', 'issuer: https://id.test, algorithms: [none]', 'is not one of the values known here'],
    ['J2', 'issuer: https://id.test, algorithms: [RS256, HS256]', 'needs a secret for HS256'],
    ['J8', 'issuer: https://id.test, audience: []', 'audience'],
    ['J17', `issuer: acme, secret: ${'s'.repeat(31)}, algorithms: [HS256]`, 'must have at least 32 bytes'],
    ['J18', 'issuer: acme, jwks_url: "http://169.254.169.254/latest/meta-data"', METADATA],
    ['J18', 'issuer: acme, jwks_url: "https://[::ffff:a9fe:a9fe]/"', METADATA],
    ['J18', 'issuer: acme, jwks_url: "http://2852039166/"', METADATA],
    ['J18', 'issuer: "http://169.254.169.254"', METADATA],
    ['J18', 'issuer: acme, jwks_url: "file:///etc/passwd"', URLS],
    ['J18', 'issuer: acme, jwks_url: "gopher://127.0.0.1:6379/_SET"', URLS],
    ['J18', 'issuer: acme, jwks_url: "https://user:password@id.test/jwks"', URLS],
    ['J18', 'issuer: acme, jwks_url: "http://id.test/jwks"', 'plain_http_issuer'],
    ['J18', 'issuer: "http://id.test"', 'plain_http_issuer'],
  ] as const)
    test(`${row}: { ${jwt} } is refused`, async () => {
      const problems = problemsOf(keys(jwt))
      assert.ok(
        problems.some((problem) => problem.includes(complaint)),
        JSON.stringify(problems),
      )
    })
})

/** Ticks of processor time that a process has used (proc(5)). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
