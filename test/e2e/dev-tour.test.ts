/**
 * The demo as a newcomer meets it: one command, then every printed request behaves as printed.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'

import { request } from 'undici'

import { heimdall, launch, type Running } from '../support/command.ts'
import { eventually, freePort } from '../support/processes.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

const root = resolve(import.meta.dirname, '../..')
const file = readFileSync(join(root, 'heimdall.yaml'), 'utf8')
const anyPort = { HEIMDALL_LISTEN: '127.0.0.1:0', HEIMDALL_PROBES: '127.0.0.1:0' }
const noStores = { HEIMDALL_REDIS_URL: '', HEIMDALL_POSTGRES_URL: '' }
const run = promisify(execFile)

/** A folder of its own with the file of the repository, whose demo service is elsewhere. */
async function demoFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-demo-'))
  const port = await freePort()
  const text = file.replace('http://127.0.0.1:3000', `http://127.0.0.1:${port}`)
  assert.notEqual(text, file)
  writeFileSync(join(folder, 'heimdall.yaml'), text)
  return { folder, port, text, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

async function startDemo(cwd: string, env: NodeJS.ProcessEnv = noStores): Promise<Running> {
  const demo = launch(['dev'], { cwd, env: { ...anyPort, ...env } })
  await demo.printed('/public/../admin/users')
  return demo
}

interface Stop {
  readonly what: string
  readonly statuses: readonly number[]
  readonly command: string
}

/** The printed tour: each comment with statuses, and the command under it. */
function stopsOf(printed: string): Stop[] {
  const stops = printed.matchAll(/^# (.+): ([\d ]+)\n(.+)$/gm)
  return [...stops].map(([, what = '', statuses = '', command = '']) => {
    return { what, statuses: statuses.split(' ').map(Number), command }
  })
}

/** Pastes a command as it stands; only npm, which would look for its package here, is stepped over. */
async function paste(command: string, cwd: string): Promise<string> {
  const direct = command.replaceAll('npm run -s heimdall --', `'${process.execPath}' '${join(root, 'src/main.ts')}'`)
  const { stdout } = await run('bash', ['-c', direct], { cwd })
  return stdout
}

const statusesOf = (answers: string) =>
  [...answers.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))

/** What the demo service received, out of what curl printed. */
function receivedOf(answer: string): Record<string, string> {
  const { headers } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as { headers: Record<string, string> }
  return headers
}

const identityOf = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-heimdall-')))

const ALICE = {
  'x-heimdall-subject': 'alice',
  'x-heimdall-issuer': 'https://issuer.heimdall.localhost',
  'x-heimdall-roles': 'user',
  'x-heimdall-permissions': 'orders:read',
  'x-heimdall-email': 'alice@demo.test',
  'x-heimdall-name': 'Alice Arden',
  'x-heimdall-authenticator': 'dev-issuer',
}

/** Every printed request, one after the other. */
async function tour(demo: Running, folder: string): Promise<Map<string, string>> {
  const stops = stopsOf(demo.out())
  assert.equal(stops.length, 12)
  const answers = new Map<string, string>()
  for (const { what, command, statuses } of stops) {
    const answer = await paste(command, folder)
    assert.deepEqual(statusesOf(answer), statuses, `${what}\n${command}\n${answer}`)
    answers.set(what, answer)
  }
  return answers
}

suite('heimdall token', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-demo-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('says in one line that there was no demo here yet', async () => {
    const { code, out, err } = await heimdall(['token', 'alice'], { cwd: folder })
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^heimdall token: there is no demo issuer here yet.*\n$/)
  })
})

suite('heimdall dev', () => {
  let place: Awaited<ReturnType<typeof demoFolder>>
  let demo: Running

  before(async () => {
    place = await demoFolder()
    demo = await startDemo(place.folder)
  })
  after(async () => {
    await demo.end('SIGKILL')
    place.remove()
  })

  const base = () => /Heimdall is on (\S+),/.exec(demo.out())?.[1] ?? ''
  const lock = () => join(place.folder, '.heimdall/postgres/lock')
  const statusOf = async (path: string) => {
    const { statusCode, body } = await request(base() + path)
    await body.dump()
    return statusCode
  }

  test('answers every printed request as printed, and tells the service who alice is and nothing more', async () => {
    const answers = await tour(demo, place.folder)
    for (const what of ['alice; the service is told who she is', 'alice cannot pretend to be bob']) {
      const headers = receivedOf(answers.get(what) ?? '')
      assert.deepEqual(identityOf(headers), ALICE, what)
      assert.equal(headers['authorization'], undefined)
    }
    const bySession = receivedOf(answers.get('a browser session instead of a token') ?? '')
    const { 'x-heimdall-session': session, ...identity } = identityOf(bySession)
    assert.match(session ?? '', /^\S+$/)
    assert.deepEqual(identity, {
      ...ALICE,
      'x-heimdall-issuer': 'heimdall',
      'x-heimdall-authenticator': 'login',
    })
    assert.equal(bySession['cookie'], undefined)
    const byKey = receivedOf(answers.get('an API key') ?? '')
    assert.equal(byKey['x-heimdall-subject'], 'alice')
    assert.equal(byKey['x-heimdall-authenticator'], 'keys')
    assert.equal(byKey['x-api-key'], undefined)
  })

  test('tells nobody a credential in its log', () => {
    const lines = demo.out().split('\n')
    const log = lines.filter((line) => line.startsWith('{')).join('\n')
    assert.match(log, /"msg":"request"/)
    assert.doesNotMatch(log, /hs_|hd_\w+_|eyJ/)
  })

  test('puts a changed file in force within two seconds, and keeps the old one when the change is bad', async () => {
    const path = join(place.folder, 'heimdall.yaml')
    assert.equal(await statusOf('/orders/1'), 401)
    const opened = place.text.replace(
      '- name: public ',
      '- { name: open, path: /orders/1, public: true }\n\n  - name: public ',
    )
    assert.notEqual(opened, place.text)
    writeFileSync(path, opened)
    await eventually('the new route', async () => (await statusOf('/orders/1')) === 200, 2000)
    writeFileSync(path, opened.replace('/orders/1', 'orders'))
    await demo.printed('configuration refused', 2000)
    assert.equal(await statusOf('/orders/1'), 200)
    writeFileSync(path, place.text)
    await eventually('the first file again', async () => (await statusOf('/orders/1')) === 401, 2000)
  })

  test('refuses a second demo in the same folder in one line', async () => {
    const again = await heimdall(['dev'], { cwd: place.folder, env: { ...noStores, ...anyPort } })
    assert.equal(again.code, 1)
    assert.match(again.err, /^heimdall dev: .*127\.0\.0\.1:\d+: the port is taken.*\n$/)
    const elsewhere = place.text.replace(String(place.port), String(await freePort()))
    writeFileSync(join(place.folder, 'other.yaml'), elsewhere)
    const locked = await heimdall(['dev', '-c', 'other.yaml'], { cwd: place.folder, env: { ...noStores, ...anyPort } })
    assert.equal(locked.code, 1)
    assert.match(locked.err, new RegExp(`^heimdall dev: .*in use by process ${demo.child.pid}.*\\n$`))
    assert.equal(await statusOf('/public/hello'), 200)
  })

  const endsWell = async (signal: NodeJS.Signals) => {
    assert.ok(existsSync(lock()))
    const { code, err } = await demo.end(signal)
    assert.deepEqual([code, err], [0, ''])
    assert.ok(!existsSync(lock()))
    await assert.rejects(request(`http://127.0.0.1:${place.port}`), { code: 'ECONNREFUSED' })
  }

  test('leaves nothing behind on SIGINT and SIGTERM, and starts again in the same folder', async () => {
    await endsWell('SIGINT')
    demo = await startDemo(place.folder)
    const stop = stopsOf(demo.out()).find(({ what }) => what === 'an API key')
    assert.deepEqual(statusesOf(await paste(stop?.command ?? '', place.folder)), [200])
    await endsWell('SIGTERM')
  })
})

suite('heimdall dev on Redis and Postgres', { skip: noRedis || noPostgres }, () => {
  let redis: TestRedis
  let postgres: TestPostgres
  let place: Awaited<ReturnType<typeof demoFolder>>
  let demo: Running

  before(async () => {
    ;[redis, postgres, place] = await Promise.all([startRedis(), startPostgres(), demoFolder()])
    demo = await startDemo(place.folder, { HEIMDALL_REDIS_URL: redis.url, HEIMDALL_POSTGRES_URL: postgres.url })
  })
  after(async () => {
    await demo.end('SIGKILL')
    await Promise.all([redis.stop(), postgres.stop()])
    place.remove()
  })

  test('answers every printed request as printed, from those stores', async () => {
    const answers = await tour(demo, place.folder)
    const headers = receivedOf(answers.get('alice; the service is told who she is') ?? '')
    assert.deepEqual(identityOf(headers), ALICE)
    assert.ok(!existsSync(join(place.folder, '.heimdall/postgres')))
    await eventually('something in Redis', async () => (await redis.client.keys('heimdall:*')).length > 0)
    const { code } = await demo.end()
    assert.equal(code, 0)
  })
})
