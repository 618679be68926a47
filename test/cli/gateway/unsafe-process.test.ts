import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'

import { unsafeProcess } from '#cli/gateway/unsafe-process.ts'

const main = resolve(import.meta.dirname, '../../../src/main.ts')

suite('settings of the process', () => {
  const unsafe: readonly (readonly [string, NodeJS.ProcessEnv, readonly string[]])[] = [
    ['a lenient parser', {}, ['--insecure-http-parser']],
    ['a lenient parser, with underscores', {}, ['--insecure_http_parser']],
    ['a lenient parser, by the environment', { NODE_OPTIONS: '--no-warnings --insecure-http-parser' }, []],
    ['a lenient parser, with a value', {}, ['--insecure-http-parser=true']],
    ['a lenient parser, in quotes', { NODE_OPTIONS: '"--insecure-http-parser"' }, []],
    ['a mended flaw brought back, behind a space', { NODE_OPTIONS: '--security-revert  CVE-2023-46809' }, []],
    ['a debugger for the network, behind a space', {}, ['--inspect-port', '0.0.0.0:9229']],
    ['a debugger for the network, by its old name', {}, ['--debug-port=0.0.0.0:9229']],
    ['a prototype that throws', {}, ['--disable-proto=throw']],
    ['a prototype that throws, among others', { NODE_OPTIONS: '--disable-proto=throw  --no-warnings' }, []],
    ['a mended flaw brought back', {}, ['--security-revert=CVE-2023-46809']],
    ['an old TLS', { NODE_OPTIONS: '--tls-min-v1.0' }, []],
    ['certificates of anybody', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }, []],
    ['a debugger for the network', {}, ['--inspect=0.0.0.0:9229']],
    ['a debugger for the network, over IPv6', {}, ['--inspect-brk=[::]:9229']],
    ['a debugger for the network, on the usual port', {}, ['--inspect-wait=10.0.0.1']],
  ]
  for (const [name, env, flags] of unsafe)
    test(`${name} keep the gateway from starting`, () => assert.equal(unsafeProcess(env, flags).length, 1))

  test('a debugger on loopback, and ordinary flags, do not', () => {
    const flags = [
      '--inspect',
      '--inspect=9229',
      '--inspect=127.0.0.1:9229',
      '--inspect=[::1]:0',
      '--inspect=localhost',
      '--inspect-publish-uid=stderr,http',
      '--import',
      './insecure_http_parser.js',
    ]
    assert.deepEqual(unsafeProcess({ NODE_TLS_REJECT_UNAUTHORIZED: '1' }, [...flags, '--disable-proto=delete']), [])
  })

  for (const command of ['serve', 'dev'])
    test(`are told all at once by ${command}, before the file is read`, () => {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--insecure-http-parser', main, command, '--config', '/nonexistent.yaml'],
        { encoding: 'utf8', env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' }, timeout: 20_000 },
      )
      assert.equal(status, 1)
      assert.equal(stdout, '')
      assert.match(stderr, /does not start: --insecure-http-parser lets requests in/)
      assert.match(stderr, /does not start: NODE_TLS_REJECT_UNAUTHORIZED=0 believes every certificate/)
      assert.doesNotMatch(stderr, /nonexistent/)
    })
})
