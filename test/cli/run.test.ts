import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import type { Io } from '#cli/command.ts'
import { allCommands } from '#cli/commands.ts'
import { run } from '#cli/run.ts'

const commands = await allCommands()

/** What a call of the command line printed, and its exit code. */
const called = (...argv: string[]) => calledWith({}, ...argv)

async function calledWith(env: Io['env'], ...argv: string[]) {
  const printed = { out: '', err: '' }
  const io: Io = {
    out: (line) => (printed.out += `${line}\n`),
    err: (line) => (printed.err += `${line}\n`),
    env,
    clock: () => 0,
    signals: () => assert.fail('no command here waits'),
  }
  return { code: await run(argv, io), ...printed }
}

function fileOf(t: TestContext, yaml: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'heimdall.yaml')
  writeFileSync(path, yaml)
  return path
}

suite('the command line', () => {
  test('lists every command', async () => {
    const { code, out } = await called('--help')
    assert.equal(code, 0)
    for (const { name, summary } of commands) assert.match(out, new RegExp(`^ {2}${name} +${summary}$`, 'm'))
  })

  for (const { name, options, describe } of commands)
    test(`explains ${name} with an example, and each of its options`, async () => {
      const { code, out } = await called(name, '--help')
      assert.equal(code, 0)
      assert.match(out, new RegExp(`^usage: .* ${name}`, 'm'))
      assert.match(out, /^examples:\n {2}\S/m)
      assert.deepEqual(Object.keys(describe), Object.keys(options))
    })

  test('calls an unknown command, an unknown option and a stray argument wrong', async () => {
    for (const argv of [['chekc'], ['check', '--confg', 'x'], ['check', 'other.yaml'], ['token', 'alice', 'bob'], []])
      assert.equal((await called(...argv)).code, 2, argv.join(' '))
    const { err } = await called('check', 'other.yaml')
    assert.match(err, /^heimdall check: takes no argument "other\.yaml"$/m)
  })

  test('asks for health where the environment says that the probes are', async () => {
    for (const probes of ['127.0.0.1:1', '1', '[::]:1']) {
      const { code, err } = await calledWith({ HEIMDALL_PROBES: probes }, 'health')
      assert.equal(code, 1)
      assert.match(err, /127\.0\.0\.1:1$/m)
    }
  })

  test('makes no key for nobody', async () => {
    for (const subject of [[], ['--subject', '']]) {
      const { code, err } = await called('key', 'create', ...subject)
      assert.equal(code, 2)
      assert.match(err, /needs --subject/)
    }
  })
})

suite('routes', () => {
  const yaml = (routes: string) => `
version: 1
upstreams: { app: 'http://127.0.0.1:3000' }
defaults: { upstream: app }
routes:
${routes}`

  test('are printed as they are matched: longest wildcard, literal before parameter, more headers first', async (t) => {
    const path = fileOf(
      t,
      yaml(`
  - { name: any, path: '/a/**', public: true }
  - { name: param, path: '/a/{id}', public: true }
  - { name: plain, path: '/a/b', public: true }
  - { name: versioned, path: '/a/b', headers: { X-Version: '2' }, public: true }
  - { name: get, path: '/a/b', methods: [GET], public: true }
  - { name: wide, path: '/', host: '*.test', public: true }
  - { name: narrow, path: '/', host: '*.z.test', public: true }
  - { name: exact, path: '/', host: z.test, public: true }`),
    )
    const { code, out } = await called('routes', '--config', path)
    assert.equal(code, 0)
    const names = out.trim().split('\n').slice(1)
    assert.deepEqual(
      names.map((line) => line.split(/ +/).at(-1)),
      ['exact', 'narrow', 'wide', 'get', 'versioned', 'plain', 'param', 'any'],
    )
    assert.match(out, /any X-Version=2/)
  })
})
