import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { request } from 'undici'

import { fixed } from '../support/answers.ts'
import { FLAGS } from '../support/flags.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { eventually } from '../support/processes.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const root = join(import.meta.dirname, '../..')

test('the npm scripts start the gateway with the flags of the image', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const name of ['start', 'heimdall'])
    assert.ok(scripts[name]?.includes(`${FLAGS.join(' ')} src/main.ts`), `${name}: ${scripts[name]}`)
})

/** SECURITY.md has these; Node 26 asks for the network too, Node 24 does not know that flag. */
function permissions(): string[] {
  const network = Number(process.versions.node.split('.')[0]) >= 26 ? ['--allow-net'] : []
  return ['--permission', `--allow-fs-read=${root}/`, `--allow-fs-read=${join(tmpdir(), 'heimdall-*')}`, ...network]
}

suite("under Node's permission model", () => {
  let upstream: Upstream
  let gateway: TestGateway
  const yaml = (path: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
upstreams: { service: "${upstream.url}" }
routes: [{ path: ${path}, public: true, upstream: service }]
`
  before(async () => {
    upstream = await startUpstream(fixed(200, 'service'))
    gateway = await serve(yaml('/one'), { flags: permissions() })
  })
  after(async () => {
    await gateway.end()
    await upstream.close()
  })
  const status = async (path: string) => (await request(`${gateway.url}${path}`)).statusCode

  test('requests are served, the file is read anew, and metrics and log work, with no more than reading', async () => {
    assert.equal(await status('/one'), 200)
    gateway.rewrite(yaml('/two'))
    await eventually('the new file is in force', async () => (await status('/two')) === 200)
    assert.match(await gateway.metrics(), /heimdall_requests_total/)
    await gateway.line(({ msg, path }) => msg === 'request' && path === '/two')
  })

  test('a file beyond what it may read is no secret that it could tell', async () => {
    gateway.rewrite(yaml('"${file:/etc/hostname}"'))
    const refused = await gateway.line(({ msg }) => msg === 'configuration refused')
    assert.match(JSON.stringify(refused), /hostname/)
    assert.equal(await status('/two'), 200)
  })
})
