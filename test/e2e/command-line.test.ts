/**
 * The command line: what it prints, and the exit codes that scripts rely on.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { Client } from 'pg'

import { allCommands } from '#cli/commands.ts'
import { page } from '#cli/help.ts'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { heimdall, launch } from '../support/command.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { eventually, freePort } from '../support/processes.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'heimdall-cli-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function fileOf(name: string, yaml: string): string {
  const path = join(folder, name)
  writeFileSync(path, yaml)
  return path
}

const head = (upstream: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
upstreams: { service: "${upstream}" }
`
const good = `${head('http://127.0.0.1:9')}
routes:
  - { path: /open, public: true, upstream: service }
`

suite('help', () => {
  test('of every command shows its usage and examples that name commands, options and files that exist', async () => {
    const commands = await allCommands()
    const names = new Set(commands.map(({ name }) => name))
    for (const command of commands) {
      const text = page(command)
      assert.match(text, new RegExp(`^usage: npm run -s heimdall -- ${command.name}\\b`, 'm'))
      const examples = text.slice(text.indexOf('\nexamples:\n')).split('\n').slice(2)
      assert.ok(examples.length > 0, command.name)
      for (const example of examples) {
        const [, called = ''] = /npm run -s heimdall -- (\w+)/.exec(example) ?? []
        assert.ok(names.has(called) || /^ {2}(\w+=\S+ )?npm start$/.test(example), example)
        const known = new Set(Object.keys(commands.find(({ name }) => name === called)?.options ?? {}))
        for (const [, option = ''] of example.matchAll(/ --([a-z][\w-]*)/g)) assert.ok(known.has(option), example)
        for (const [path] of example.matchAll(/\bconfig\/\S+/g)) assert.ok(existsSync(join(root, path)), example)
      }
    }
  })

  test('is printed with exit code 0 when asked for, and with 2 when the call was wrong', async () => {
    const [asked, command, option] = await Promise.all([
      heimdall(['serve', '--help']),
      heimdall(['sevre']),
      heimdall(['serve', '--confog', 'x.yaml']),
    ])
    assert.deepEqual([asked.code, asked.err], [0, ''])
    assert.match(asked.out, /^usage: .*serve \[--config FILE\]$/m)
    assert.deepEqual([command.code, command.out], [2, ''])
    assert.match(command.err, /^heimdall: no command "sevre"\n\n[^]*^ {2}serve +Runs the gateway\.$/m)
    assert.deepEqual([option.code, option.out], [2, ''])
    assert.match(option.err, /^heimdall serve: Unknown option '--confog'[^]*^examples:$/m)
  })
})

suite('version and schema', () => {
  test('print the versions of Heimdall and Node, and the schema that editors read', async () => {
    const [version, schema] = await Promise.all([heimdall(['version']), heimdall(['schema'])])
    const { version: own } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    assert.deepEqual([version.code, version.out], [0, `heimdall ${own} (node ${process.versions.node})\n`])
    assert.equal(schema.code, 0)
    const committed = readFileSync(join(root, 'config/heimdall.schema.json'), 'utf8')
    assert.deepEqual(JSON.parse(schema.out), JSON.parse(committed))
  })
})

suite('check', () => {
  const bad = `
version: 1
listen: 127.0.0.1:99999
upstreams: { service: "http://127.0.0.1:9" }
rotues: []
routes:
  - { path: orders, public: true, upstream: service }
  - { path: /orders, public: true, upstream: servcie }
`

  test('finds a good file good', async () => {
    const { code, out, err } = await heimdall(['check', '-c', fileOf('good.yaml', good)])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /good\.yaml: good, 1 route/)
  })

  test('prints every problem at once with place, line, reason and suggestion, as serve does', async () => {
    const path = fileOf('bad.yaml', bad)
    const [checked, served] = await Promise.all([heimdall(['check', '-c', path]), heimdall(['serve', '-c', path])])
    assert.deepEqual([checked.code, checked.out], [1, ''])
    assert.equal(
      checked.err.replaceAll(`${folder}/`, ''),
      `bad.yaml:3:9  listen: has a port above 65535
  3 | listen: 127.0.0.1:99999
    |         ^

bad.yaml:5:1  rotues: unknown key
  5 | rotues: []
    | ^
  did you mean "routes"?

bad.yaml:7:13  routes[0].path: must start with \`/\`
  7 |   - { path: orders, public: true, upstream: service }
    |             ^

bad.yaml:8:46  routes[1].upstream: names no upstream of this file
  8 |   - { path: /orders, public: true, upstream: servcie }
    |                                              ^
  did you mean "service"?

bad.yaml: 4 problems
`,
    )
    assert.deepEqual(served, checked)
  })

  test('says in one line that there is no file', async () => {
    const { code, err } = await heimdall(['check'], { cwd: mkdtempSync(join(folder, 'empty-')) })
    assert.equal(code, 1)
    assert.match(err, /heimdall\.yaml/)
    assert.doesNotMatch(err, /\n\s+at /)
  })
})

suite('serve', () => {
  const keep = keeper()

  test('heeds signals that come while it starts: the database it is making is left in order', async () => {
    const database = join(folder, 'starting')
    const yaml = `${head('http://127.0.0.1:1')}grace: 1s\nstores: { postgres: "embedded:${database}" }\nroutes: [{ path: /a, public: true, upstream: service }]\n`
    const starting = launch(['serve', '--config', fileOf('starting.yaml', yaml)])
    await eventually('the database is being made', () => existsSync(join(database, 'lock')), 20_000)
    assert.equal(starting.out(), '', 'still starting')
    starting.child.kill('SIGHUP')
    assert.equal((await starting.end()).code, 0)
    assert.equal(existsSync(join(database, 'lock')), false)
  })

  test('says in one line which address is taken, and ends', async () => {
    const upstream = keep(await startUpstream(fixed(200)))
    const path = fileOf('taken.yaml', good)
    const addresses = ['HEIMDALL_LISTEN', 'HEIMDALL_PROBES', 'HEIMDALL_ADMIN']
    const runs = addresses.map((name) =>
      heimdall(['serve', '-c', path], { env: { [name]: `127.0.0.1:${upstream.port}` } }),
    )
    for (const { code, err } of await Promise.all(runs)) {
      assert.equal(code, 1)
      assert.equal(err, `heimdall serve: cannot listen on 127.0.0.1:${upstream.port}: the port is taken (EADDRINUSE)\n`)
    }
  })
})

suite('routes', () => {
  const keep = keeper()
  const yaml = (upstream: string) => `${head(upstream)}
grace: 500ms
accept_risk: [public_by_default]
defaults: { upstream: service }
routes:
  - { name: everything, path: "/**", public: true, methods: [GET, POST] }
  - { name: any-host-item, path: "/shop/{id}", public: true }
  - { name: shop, path: "/shop/**", host: shop.test, public: true }
  - { name: item, path: "/shop/{id}", host: shop.test, public: true }
  - { name: item-post, path: "/shop/{id}", host: shop.test, methods: [POST], public: true }
  - { name: item-v2, path: "/shop/{id}", host: shop.test, headers: { X-Version: "2" }, public: true }
  - { name: new, path: /shop/new, host: shop.test, public: true }
  - { name: parts, path: "/shop/{id}/parts/**", host: shop.test, public: true }
  - { name: one-part, path: "/shop/{id}/parts/{part}", host: shop.test, public: true }
  - { name: subdomains, path: "/shop/**", host: "*.test", public: true }
  - { name: deep-subdomains, path: "/shop/**", host: "*.z.test", public: true }
  - { name: root, path: /, public: true }
`

  interface Row {
    readonly host: string
    readonly path: string
    readonly methods: string
    readonly name: string
  }

  /** The rule that the table states by its order: the first row that fits is the route. */
  function fits({ host, path, methods }: Row, method: string, at: string, target: string, version: string): boolean {
    const [name = '', condition] = methods.split(' ')
    const hosts = host === '*' || (host.startsWith('*') ? at.endsWith(host.slice(1)) : at === host)
    const pattern = path
      .replace(/\/\*\*$/, '(/.*)?')
      .replaceAll(/\{\w+\}/g, '[^/]+')
      .replace(/^\(\/\.\*\)\?$/, '/.*')
    const takes = name === 'any' || name.split(',').includes(method)
    return (
      hosts &&
      new RegExp(`^${pattern}$`).test(target) &&
      takes &&
      (condition === undefined || condition === `X-Version=${version}`)
    )
  }

  test('are printed in the order in which they are matched', async () => {
    const upstream = keep(await startUpstream(fixed(200)))
    const gateway = keep(await serve(yaml(upstream.url)))
    const { code, out } = await heimdall(['routes', '-c', join(gateway.folder, 'heimdall.yaml')])
    assert.equal(code, 0)
    const rows = out
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line): Row => {
        const [host = '', path = '', methods = '', ...rest] = line.split(/ {2,}/)
        return { host, path, methods, name: rest.at(-1) ?? '' }
      })
    assert.equal(rows.length, 12)
    const asked: { what: string; expected: string | undefined; id: string | undefined }[] = []
    for (const host of ['shop.test', 'a.test', 'a.z.test', 'elsewhere'])
      for (const target of [
        '/',
        '/x',
        '/shop',
        '/shop/new',
        '/shop/7',
        '/shop/7/parts',
        '/shop/7/parts/8',
        '/shop/7/x',
      ])
        for (const [method, version] of [
          ['GET', '1'],
          ['GET', '2'],
          ['POST', '1'],
        ] as const) {
          const answer = await ask(gateway, `${method} ${target}`, { Host: host, 'X-Version': version })
          const what = `${method} ${host}${target} version ${version}`
          const expected = rows.find((row) => fits(row, method, host, target, version))?.name
          asked.push({ what, expected, id: answer.header('x-request-id') })
        }
    const seen = new Set<unknown>()
    for (const { what, expected, id } of asked) {
      const { route } = await gateway.line((line) => line['request_id'] === id)
      assert.equal(route, expected, what)
      seen.add(route)
    }
    assert.equal(seen.size, rows.length, 'every route was met')
  })
})

suite('migrate and key', { skip: noPostgres }, () => {
  const keep = keeper()
  let postgres: TestPostgres
  let upstream: Upstream
  let gateway: TestGateway
  const yaml = (url: string) => `${head(upstream.url)}
grace: 500ms
stores: { postgres: "${url}" }
authenticators:
  keys: { api_key: { header: X-API-Key } }
routes:
  - { path: /orders, upstream: service, authenticate: [keys], require: { permissions: ["orders:read"] } }
`
  const owner = () => fileOf('owner.yaml', yaml(postgres.url))
  const answer = async (key: string) => outcomeOf(await ask(gateway, 'GET /orders', { 'X-API-Key': key }))

  before(async () => {
    postgres = keep(await startPostgres())
    upstream = keep(await startUpstream(fixed(200)))
  })

  test('migrate makes the tables, and does nothing the second time', async () => {
    const first = await heimdall(['migrate', '-c', owner()])
    assert.deepEqual([first.code, first.err], [0, ''])
    assert.match(first.out, /^(applied \S+\n)+up to date \(\d+ in force\)\n$/)
    const second = await heimdall(['migrate', '-c', owner()])
    assert.equal(second.code, 0)
    assert.equal(second.out, first.out.replace(/^applied.*\n/gm, ''))
  })

  test('key create makes a key that passes, and key revoke one that is refused within five seconds', async () => {
    const client = new Client({ connectionString: postgres.url })
    await client.connect()
    await client.query('create role reader login in role heimdall_gateway')
    await client.end()
    gateway = keep(await serve(yaml(postgres.url.replace('postgres@', 'reader@'))))

    const wanted = ['--subject', 'reports', '--name', 'nightly', '--tenant', 'north', '--expires', '90d']
    const permitted = [...wanted, '--permissions', 'orders:read,orders:list']
    const made = await heimdall(['key', 'create', '-c', owner(), ...permitted])
    assert.equal(made.code, 0)
    assert.match(made.out, /^hd_\w+_[\w-]+\n$/)
    const key = made.out.trim()
    const [, id = ''] = /^id (\S+);/.exec(made.err) ?? []
    assert.equal(await answer(key), '200')
    const seen = upstream.requests.at(-1)
    assert.equal(seen?.header('x-heimdall-subject'), 'reports')
    assert.equal(seen?.header('x-heimdall-permissions'), 'orders:list,orders:read')
    assert.equal(seen?.header('x-heimdall-tenant'), 'north')
    assert.equal(seen?.header('x-heimdall-client'), id)

    const revoked = await heimdall(['key', 'revoke', id, '-c', owner()])
    assert.deepEqual([revoked.code, revoked.out], [0, `revoked ${id}\n`])
    await eventually('refused', async () => (await answer(key)) === '401 invalid_api_key', 5000)
    const again = await heimdall(['key', 'revoke', id, '-c', owner()])
    assert.equal(again.code, 1)
    assert.match(again.err, /^heimdall key revoke: no key .*\n$/)
  })

  test('says in one line that the database is away, or may not be written to', async () => {
    const away = fileOf('away.yaml', yaml(`postgres://nobody@127.0.0.1:${await freePort()}/x`))
    const reader = fileOf('reader.yaml', yaml(postgres.url.replace('postgres@', 'reader@')))
    const runs = await Promise.all([
      heimdall(['migrate', '-c', away]),
      heimdall(['key', 'create', '--subject', 'x', '-c', away]),
      heimdall(['key', 'create', '--subject', 'x', '-c', reader]),
    ])
    for (const { code, out, err } of runs) {
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, /^heimdall: \S.*\n$/)
    }
  })
})

suite('health', () => {
  const keep = keeper()

  test('is 0 when ready, 1 while draining and 1 when nobody answers', async () => {
    let finish = () => {}
    const slow: Answer = (request, connection) => {
      finish = () => void fixed(200)(request, connection)
    }
    const upstream = keep(await startUpstream(slow))
    const gateway = keep(
      await serve(`${head(upstream.url)}
grace: 8s
routes:
  - { path: /slow, public: true, upstream: service }
`),
    )
    const url = `${gateway.probes}/readyz`
    const ready = await heimdall(['health', '--url', url])
    assert.equal(ready.code, 0)
    assert.equal((JSON.parse(ready.out) as { status: string }).status, 'ready')

    const last = ask(gateway, 'GET /slow')
    await upstream.arrived(1)
    const ended = gateway.end()
    await gateway.line(({ msg }) => msg === 'drain begins')
    const draining = await heimdall(['health', '--url', url])
    assert.equal(draining.code, 1)
    assert.equal((JSON.parse(draining.out) as { status: string }).status, 'unready')
    finish()
    assert.equal((await last).status, 200)
    assert.equal(await ended, 0)

    const absent = await heimdall(['health', '--url', url])
    assert.deepEqual([absent.code, absent.out], [1, ''])
    assert.match(absent.err, /^heimdall health: .*\n$/)
  })
})

suite('the launcher', () => {
  const script = join(root, 'scripts/node-bin.cjs')
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } }
  const [, major = 0, minor = 0] = /^>=(\d+)\.(\d+)$/.exec(engines.node)?.map(Number) ?? []

  /** Runs a launcher by a Node that says it is of another version. */
  const launcher = (path: string, version: string) => {
    const versions = `{ ...process.versions, node: '${version}' }`
    const pretend = fileOf('pretend.cjs', `Object.defineProperty(process, 'versions', { value: ${versions} })`)
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-r', pretend, path], { encoding: 'utf8' })
    assert.equal(status, 0)
    return { stdout, stderr }
  }
  const versionOf = (node: string) => {
    const [, of = 0, point = 0] =
      /^v(\d+)\.(\d+)/.exec(execFileSync(node, ['-v'], { encoding: 'utf8' }))?.map(Number) ?? []
    return { of, point }
  }

  test('prints the Node that runs it when it is recent enough', () => {
    for (const version of [`${major}.${minor}.0`, `${major}.${minor + 1}.0`, `${major + 2}.0.0`])
      assert.deepEqual(launcher(script, version), { stdout: process.execPath, stderr: '' })
  })

  test('finds the private Node of the package for an older one', () => {
    for (const version of [`${major}.${minor - 1}.9`, `${major - 1}.99.0`, '20.11.1']) {
      const { stdout, stderr } = launcher(script, version)
      assert.match(stdout, /node_modules\/node-\w+-\w+\/bin\/node$/)
      assert.equal(stderr, '')
    }
  })

  test('says what to do when there is none, and ends the npm script with one message', () => {
    const bare = mkdtempSync(join(folder, 'bare-'))
    copyFileSync(script, join(bare, 'node-bin.cjs'))
    const { stdout, stderr } = launcher(join(bare, 'node-bin.cjs'), '20.11.1')
    assert.equal(stdout, 'false')
    assert.match(
      stderr,
      new RegExp(`^heimdall: needs Node >= ${major}\\.${minor}, this is 20\\.11\\.1\\.\nRun \`npm ci\` .*\n$`),
    )
    const npm = spawnSync('sh', ['-c', `exec "$(echo ${stdout})" src/main.ts dev`], { encoding: 'utf8' })
    assert.deepEqual([npm.status, npm.stdout, npm.stderr], [1, '', ''])
  })

  test('finds one that is recent enough whatever the age of the Node of the system', () => {
    const { status, stdout } = spawnSync('/usr/bin/env', ['node', script], { encoding: 'utf8' })
    assert.equal(status, 0)
    const { of, point } = versionOf(stdout)
    assert.ok(of > major || (of === major && point >= minor), `${of}.${point}`)
  })
})
