import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { Pool, request } from 'undici'
import { z } from 'zod'

import { fixed } from '../support/answers.ts'
import { heimdall } from '../support/command.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { freePort } from '../support/processes.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const frames = z.object({ nodes: z.array(z.object({ callFrame: z.object({ url: z.string() }) })) })

suite('a profile of a gateway that serves', () => {
  let upstream: Upstream
  let gateway: TestGateway
  let admin: string
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'heimdall-'))
    upstream = await startUpstream(fixed(200, 'service'))
    admin = `127.0.0.1:${await freePort()}`
    gateway = await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
admin: ${admin}
upstreams: { service: "${upstream.url}" }
routes: [{ path: /open, public: true, upstream: service }]
`)
  })
  after(async () => {
    await gateway.end()
    await upstream.close()
    rmSync(folder, { recursive: true })
  })

  /** Asks for a page while the work lasts. */
  const underLoad = async <T>(work: Promise<T>): Promise<T> => {
    const over = new AbortController()
    const pool = new Pool(gateway.url, { connections: 4 })
    const ask = async () => {
      while (!over.signal.aborted) await (await pool.request({ method: 'GET', path: '/open' })).body.dump()
    }
    const load = Promise.all(Array.from({ length: 4 }, ask))
    try {
      return await work
    } finally {
      over.abort()
      await load
      await pool.close()
    }
  }
  const post = (query: string, headers: Record<string, string> = {}) =>
    request(`http://${admin}/profile?${query}`, { method: 'POST', headers })
  const profile = (...args: string[]) => heimdall(['profile', '--admin', admin, ...args], { cwd: folder })

  test('shows where the time goes, down to the functions of the gate, and keeps a file for other tools', async () => {
    const { code, out, err } = await underLoad(profile('--seconds', '1'))
    assert.equal(code, 0, err)
    assert.match(out, /^busy \d+ ms, idle \d+ ms: [\d.]+ % of one core$/m)
    assert.match(out, /^ +[\d.]+ % +\d+ ms {2}\S/m)
    const { nodes } = frames.parse(JSON.parse(readFileSync(join(folder, 'heimdall.cpuprofile'), 'utf8')))
    assert.ok(nodes.some(({ callFrame }) => callFrame.url.includes('/src/gate/')))
  })

  test('shows what allocates memory', async () => {
    const { code, out, err } = await underLoad(profile('--heap', '--seconds', '1', '--out', 'some.heapprofile'))
    assert.equal(code, 0, err)
    assert.match(out, /^allocated \d+ kB$/m)
    assert.match(out, / src\/\w+\/[\w-]+\.ts:\d+$/m)
    assert.match(readFileSync(join(folder, 'some.heapprofile'), 'utf8'), /^\{"head":/)
  })

  test('is told in the log, with who asked', async () => {
    const begun = await gateway.line(({ msg }) => msg === 'profile begins')
    assert.deepEqual([begun['kind'], begun['seconds']], ['cpu', 1])
    assert.match(String(begun['by']), /^127\.0\.0\.1:\d+$/)
    await gateway.line(({ msg, outcome }) => msg === 'profile ends' && outcome === 'taken')
  })

  test('is taken one at a time, and ends when its caller goes away', async () => {
    const impatient = new AbortController()
    const first = request(`http://${admin}/profile?seconds=60`, { method: 'POST', signal: impatient.signal })
    await gateway.line(({ msg, seconds }) => msg === 'profile begins' && seconds === 60)
    assert.equal((await post('seconds=1')).statusCode, 409)
    impatient.abort()
    await assert.rejects(first)
    await gateway.line(({ msg, outcome }) => msg === 'profile ends' && outcome === 'aborted')
    assert.equal((await post('seconds=1')).statusCode, 200)
  })

  test('is refused for no time, too long a time, and what is no kind', async () => {
    for (const query of [
      'seconds=0',
      'seconds=61',
      'seconds=',
      'seconds=1.5',
      'seconds=-1',
      'seconds=1e1',
      'kind=snapshot',
    ])
      assert.equal((await post(query)).statusCode, 400, query)
    const { code, err } = await profile('--seconds', '61')
    assert.deepEqual([code, err], [1, 'heimdall profile: seconds must be a whole number from 1 to 60\n'])
    assert.equal((await profile('--seconds', 'long')).code, 2)
  })

  test('is refused to pages of a browser, to other names of this machine, and to GET', async () => {
    assert.equal((await post('seconds=1', { origin: 'http://localhost' })).statusCode, 403)
    assert.equal((await post('seconds=1', { host: 'rebound.test' })).statusCode, 400)
    const { statusCode, headers } = await request(`http://${admin}/profile`)
    assert.deepEqual([statusCode, headers['allow']], [405, 'POST'])
  })
})

test('heimdall profile says how to turn the admin listener on when nothing listens', async () => {
  const at = `127.0.0.1:${await freePort()}`
  const { code, err } = await heimdall(['profile'], { env: { HEIMDALL_ADMIN: at } })
  assert.equal(code, 1)
  assert.ok(err.includes(`\`admin: ${at}\``), err)
})

test('a profile of one of several workers ends when its caller goes away', async () => {
  const admin = `127.0.0.1:${await freePort()}`
  const gateway = await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
admin: ${admin}
workers: 2
upstreams: { service: "http://127.0.0.1:9" }
routes: [{ path: /open, public: true, upstream: service }]
`)
  const impatient = new AbortController()
  const first = request(`http://${admin}/profile?seconds=60`, { method: 'POST', signal: impatient.signal })
  await gateway.line(({ msg, seconds }) => msg === 'profile begins' && seconds === 60)
  impatient.abort()
  await assert.rejects(first)
  await gateway.line(({ msg, outcome }) => msg === 'profile ends' && outcome === 'aborted')
  const { statusCode, body } = await request(`http://${admin}/profile?seconds=1`, { method: 'POST' })
  assert.equal(statusCode, 200)
  assert.match(await body.text(), /^\{"nodes":/)
  await gateway.end()
})
