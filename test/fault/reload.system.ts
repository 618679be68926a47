/**
 * New files under load, good, bad and half written (F15).
 *
 * Every answer tells four times which version of the file decided it: in the name of the limit that counted it, in the path
 * and the header that identity went upstream with, and in the upstream itself. No two of them may differ.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { Pool } from 'undici'

import { ask } from '../support/ask.ts'
import { heimdall } from '../support/command.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { heapOf, TELLS_HEAP } from '../support/heap.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'
import { memoryOf } from '../support/usage.ts'

const CLIENTS = 50
const MIB = 1024 ** 2

/** What an answer said: the versions that had a part in it, and between which versions it was asked for. */
interface Heard {
  readonly status: number
  readonly versions: readonly string[]
  /** In force for certain when it was asked, and the last one that was written when it was answered. */
  readonly from: number
  readonly to: number
}

suite('F15: the file changes under load', () => {
  const keep = keeper()
  let service: Service
  let issuer: TestIssuer
  let gateway: TestGateway
  let pool: Pool
  const now = { inForce: 0, written: 0 }

  const file = (version: number, more = '') => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${service.url}/u${version}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
identity: { headers: { subject: X-Who-${version} } }
limits: { l${version}: { allow: 1000000/min, by: subject, report: true } }
defaults: { upstream: service, authenticate: [acme], limits: [l${version}] }
routes:
  - { path: /other/**, public: true, limits: [] }
  - { path: /data, rewrite: /r${version} }
${more}`

  before(async () => {
    service = keep(
      await startService(({ url, headers }, response) => {
        const who = Object.keys(headers).filter((name) => name.startsWith('x-who-'))
        setTimeout(() => response.end(`${url} ${who.join(' ')}`), 5)
      }),
    )
    issuer = keep(await startIssuer())
    gateway = keep(await serve(file(0), { flags: TELLS_HEAP }))
    pool = keep(new Pool(gateway.url, { connections: CLIENTS, pipelining: 1 }))
    await eventually('the keys are there', async () => (await heard(issuer.as('alice'))).status === 200)
  })

  const heard = async (headers: { Authorization: string }): Promise<Heard> => {
    const from = now.inForce
    const answer = await pool.request({ method: 'GET', path: '/data', headers })
    const text = `${await answer.body.text()} ${String(answer.headers['ratelimit-policy'])}`
    const versions = [...text.matchAll(/(?:\/u|\/r|x-who-|"l)(\d+)/g)].map(([, version]) => version ?? '')
    return { status: answer.statusCode, versions, from, to: now.written }
  }
  /** Clients that ask until `stop`. */
  const load = () => {
    const [all, plan] = [[] as Heard[], { stopped: false }]
    const broken: unknown[] = []
    const client = async (index: number) => {
      const who = issuer.as(`person-${index}`)
      for (; !plan.stopped; await sleep(50))
        await heard(who).then(
          (one) => all.push(one),
          (error: unknown) => broken.push(error),
        )
    }
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)))
    return {
      all,
      async stop() {
        plan.stopped = true
        await clients
        assert.deepEqual(broken, [], 'no connection breaks')
        return all
      },
    }
  }
  const path = () => join(gateway.folder, 'heimdall.yaml')
  const metric = async (name: string, labels = {}) => sample(await gateway.metrics(), name, labels)
  const generation = () => metric('heimdall_config_generation')
  const refusals = () => metric('heimdall_config_reloads_total', { outcome: 'refused' })

  /** Ways in which a new file comes about. */
  const ways = {
    written: async (text: string) => writeFileSync(path(), text),
    renamed: async (text: string) => {
      writeFileSync(`${path()}.new`, text)
      renameSync(`${path()}.new`, path())
    },
    /** Cut off in turn behind a route, within a word and behind a line, for less than it takes to be believed. */
    'written by and by': async (text: string) => {
      writeFileSync(path(), '')
      for (let at = 0; at < text.length; at += 60) {
        appendFileSync(path(), text.slice(at, at + 60))
        await sleep(10)
      }
    },
    hangup: async (text: string) => {
      writeFileSync(path(), text)
      gateway.child.kill('SIGHUP')
    },
  } as const

  test('F15: 20 versions, with bad and half files between them: no request fails, none sees two versions', async () => {
    const running = load()
    let bad = 0
    for (let round = 0; round < 5; round += 1)
      for (const [way, make] of Object.entries(ways)) {
        const before = await generation()
        now.written += 1
        await make(file(now.written))
        await eventually(`${way}: version ${now.written}`, async () => (await generation()) === before + 1)
        now.inForce = now.written
        const decides = ({ versions: [one] }: Heard) => one === String(now.written)
        await eventually('it decides', () => running.all.some(decides))
        if (way !== 'renamed') continue
        const known = await refusals()
        const [half] = file(99).split('audience')
        await ways[round % 2 === 0 ? 'written' : 'hangup'](
          round % 2 === 0 ? file(99, '  - { nonsense: 1 }\n') : (half ?? ''),
        )
        await eventually('the bad one is refused', async () => (await refusals()) > known)
        bad += 1
        assert.equal(await generation(), before + 1)
        assert.equal((await heimdall(['check', '--config', path()])).code, 1)
      }
    const seen = running.all.length
    await eventually('more answers', () => running.all.length > seen + CLIENTS)
    const all = await running.stop()
    const failed = all.filter(({ status }) => status !== 200)
    const mixed = all.filter(({ versions }) => versions.length !== 4 || new Set(versions).size !== 1)
    const untimely = all.filter(({ versions: [one], from, to }) => Number(one) < from || Number(one) > to)
    const versions = new Set(all.map(({ versions: [one] }) => one))
    const counts = { requests: all.length, mixed: mixed.length, bad_files: bad, versions_seen: versions.size }
    report('F15', { what: '20 versions under load', ...counts }, { total: all.length, failed: failed.length })
    assert.deepEqual(failed, [])
    assert.deepEqual(mixed, [])
    assert.deepEqual(untimely, [], 'a version decides from the moment it is in force')
    assert.ok(versions.size >= 20, `${versions.size} versions were seen`)
    writeFileSync(path(), file(now.written))
    assert.equal((await heimdall(['check', '--config', path()])).code, 0)
    assert.equal(issuer.keys.count.jwks, 1, 'keys are not fetched again')
  })

  test('F15: 500 versions, each with names of its own, leave the memory as it was', async () => {
    const reload = async (times: number) => {
      for (let left = times; left > 0; left -= 1) {
        const before = await generation()
        now.written += 1
        writeFileSync(path(), file(now.written))
        gateway.child.kill('SIGHUP')
        await eventually('the file is in force', async () => (await generation()) > before)
        assert.equal((await ask(gateway, 'GET /data', issuer.as('alice'))).status, 200)
      }
    }
    await reload(100)
    const [early, resident] = [await heapOf(gateway), memoryOf(gateway.pid)]
    const began = performance.now()
    await reload(500)
    const each = (performance.now() - began) / 500
    const grown = ((await heapOf(gateway)) - early) / MIB
    const residentGrown = memoryOf(gateway.pid) - resident
    report('F15', { what: '500 versions', heap_grown_mib: grown, resident_grown_mib: residentGrown, each_ms: each })
    assert.ok(grown <= 5, `the heap grew by ${grown} MiB`)
    assert.equal(gateway.errors(), '')
  })
})
