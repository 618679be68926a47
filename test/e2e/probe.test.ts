/**
 * `heimdall probe` as people run it: against the demo, and over TLS against what lets everything pass.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { early } from '../support/answers.ts'
import { certify, noOpenssl } from '../support/certificates.ts'
import { heimdall, launch, type Running } from '../support/command.ts'
import { freePort } from '../support/processes.ts'
import { startUpstream } from '../support/upstream.ts'

const file = readFileSync(resolve(import.meta.dirname, '../../heimdall.yaml'), 'utf8')
const anyPort = { HEIMDALL_LISTEN: '127.0.0.1:0', HEIMDALL_PROBES: '127.0.0.1:0' }
const noStores = { HEIMDALL_REDIS_URL: '', HEIMDALL_POSTGRES_URL: '' }

suite('heimdall probe', () => {
  let cwd = ''
  let demo: Running
  let url = ''

  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'heimdall-probe-'))
    writeFileSync(join(cwd, 'heimdall.yaml'), file.replace(':3000', `:${await freePort()}`))
    demo = launch(['dev'], { cwd, env: { ...anyPort, ...noStores } })
    await demo.printed('/public/../admin/users', 60_000)
    url = /Heimdall is on (\S+?),/.exec(demo.out())?.[1] ?? ''
  })
  after(async () => {
    await demo.end()
    rmSync(cwd, { recursive: true, force: true })
  })

  test('sees the demo hold, and never prints the token', async () => {
    const token = (await heimdall(['token', 'alice'], { cwd })).out.trim()
    const paths = ['--protected', '/me', '--echo', '/me']
    const { code, out, err } = await heimdall(['probe', `${url}/public/hello`, ...paths, '--token', token], { cwd })
    assert.equal(code, 0, out + err)
    assert.match(out, /^H3 +held +\d+ +0 +0 {2}identity headers with dots/m)
    assert.match(out, /\d{3} held, 0 fell, \d+ not judged\.$/m)
    for (const part of token.split('.')) assert.ok(!out.includes(part) && !err.includes(part))
  })

  test('fails on a deployment that lets everything pass, over TLS too', { skip: noOpenssl }, async () => {
    const { ca, ...tls } = certify('DNS:localhost,IP:127.0.0.1')
    const upstream = await startUpstream(early(200, 'anything', []), { tls })
    const path = join(cwd, 'ca.pem')
    writeFileSync(path, ca)
    try {
      const { code, out, err } = await heimdall(['probe', `https://127.0.0.1:${upstream.port}/`], {
        env: { NODE_EXTRA_CA_CERTS: path },
      })
      assert.equal(code, 1, err)
      assert.match(out, /^S1 +FELL/m)
      assert.match(out, /why it matters: Where one side reads the length and the other the chunks/)
      const untrusted = await heimdall(['probe', `https://127.0.0.1:${upstream.port}/`])
      assert.equal(untrusted.code, 2)
      assert.match(untrusted.err, /certificate/i)
    } finally {
      await upstream.close()
    }
  })
})
