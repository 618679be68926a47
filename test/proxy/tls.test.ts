import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { fixed, raw } from '../support/answers.ts'
import { startForwarder, type Forwarder, type ForwarderOptions } from '../support/forwarder.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const GET = 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n'

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const missing = hasOpenssl() ? false : 'openssl is not installed'
if (missing !== false && process.env['CI'] === 'true') throw new Error(missing)

suite('https upstreams', { skip: missing }, () => {
  let folder: string
  let upstream: Upstream
  let ca: string

  /** A key and a certificate for the names, signed by the private authority. */
  const certify = (name: string, names: string) => {
    const at = (file: string) => join(folder, file)
    const openssl = (args: string) => execFileSync('openssl', args.split(' '), { stdio: 'ignore' })
    const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name}`
    const signed = name === 'ca' ? '' : ` -CA ${at('ca.pem')} -CAkey ${at('ca.key')} -addext subjectAltName=${names}`
    openssl(`${made}${signed} -keyout ${at(`${name}.key`)} -out ${at(`${name}.pem`)}`)
    return { key: readFileSync(at(`${name}.key`), 'utf8'), cert: readFileSync(at(`${name}.pem`), 'utf8') }
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'heimdall-tls-'))
    ca = certify('ca', '').cert
    upstream = await startUpstream(fixed(200, 'secret'), { tls: certify('server', 'IP:127.0.0.1,DNS:localhost') })
  })
  after(async () => {
    await upstream.close()
    rmSync(folder, { recursive: true })
  })

  async function withForwarder(options: ForwarderOptions, use: (own: Forwarder) => Promise<void>) {
    const own = await startForwarder(options)
    try {
      await use(own)
    } finally {
      await own.close()
    }
  }

  test('are trusted by their own authority, by address and by name, whatever Host the client sent', async () => {
    for (const url of [upstream.url, `https://localhost:${upstream.port}`])
      await withForwarder({ upstream: url, ca }, async (own) => {
        const before = upstream.connections.length
        for (const host of ['shop.example', 'other.example', '127.0.0.1', '[::1]:80'])
          assert.equal((await exchange(own.port, GET.replace('shop.example', host))).text, 'secret')
        assert.equal(upstream.connections.length, before + 1, 'one connection serves them all')
        assert.deepEqual(upstream.requests.at(-1)?.all('host'), ['[::1]:80'])
      })
  })

  test('are refused without that authority', async () => {
    await withForwarder({ upstream: upstream.url }, async (own) => {
      const answer = await exchange(own.port, GET)
      assert.equal(answer.header('x-code'), 'upstream_unreachable')
    })
  })

  test('are refused when the certificate is for somebody else', async () => {
    const other = await startUpstream(fixed(200, 'secret'), { tls: certify('other', 'DNS:shop.example') })
    await withForwarder({ upstream: other.url, ca }, async (own) => {
      assert.equal((await exchange(own.port, GET)).header('x-code'), 'upstream_unreachable')
    })
    await other.close()
  })

  test('take upgrades under the same trust', async () => {
    const handshake = GET.replace(
      '\r\n\r\n',
      '\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    upstream.answer = raw(
      'HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    )
    for (const [url, trust, status] of [
      [upstream.url, ca, 101],
      [`https://localhost:${upstream.port}`, ca, 101],
      [upstream.url, undefined, 502],
    ] as const)
      await withForwarder({ upstream: url, ...(trust !== undefined && { ca: trust }) }, async (own) => {
        const client = await connectRaw(own.port)
        client.send(handshake)
        assert.equal((await client.response()).status, status)
        client.destroy()
      })
  })
})
