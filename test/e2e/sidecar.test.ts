/**
 * The life of a sidecar, rehearsed with processes: it starts before its app, outlives it, and drains.
 *
 * Kubernetes starts a native sidecar first, waits for its startup probe, then starts the app;
 * at the end the app gets SIGTERM first, and the sidecar when the app has gone.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'

import { request } from 'undici'

import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { longest, startLoad, tally } from '../support/load.ts'
import { eventually, freePort, kill } from '../support/processes.ts'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')

/** An app that ends as apps do: at SIGTERM, at once. */
function startApp(port: number): ChildProcess {
  const program = `require('node:http').createServer((_, r) => r.end('app')).listen(${port}, '127.0.0.1')`
  return spawn(process.execPath, ['-e', program], { stdio: 'inherit' })
}

/** Exit code of `heimdall health`, which Docker's HEALTHCHECK runs. */
async function health(url: string): Promise<number> {
  const child = spawn(process.execPath, [MAIN, 'health', '--url', url], { stdio: 'ignore' })
  const [code] = (await once(child, 'exit')) as [number]
  return code
}

suite('a sidecar', () => {
  const keep = keeper()

  test('starts before its app, serves it once it is there, outlives it, and drains', async () => {
    const port = await freePort()
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 3s
upstreams: { app: "http://127.0.0.1:${port}" }
routes:
  - { path: /x, public: true, upstream: app }
`),
    )
    const probe = `${gateway.probes}/readyz`
    const get = async () => outcomeOf(await ask(gateway, 'GET /x'))

    assert.equal(await status(probe), 200, 'the startup probe lets the app start')
    assert.equal(await health(probe), 0)
    assert.equal(await get(), '502 upstream_unreachable')

    const app = startApp(port)
    keep({ stop: () => kill(app) })
    await eventually('the app is served', async () => (await get()) === '200', 10_000)
    assert.equal(await health(probe), 0)

    const load = startLoad(gateway.url, () => ({ kind: 'x', path: '/x' }), { connections: 8, gap: 20 })
    await eventually('traffic flows', () => load.answers.length > 100)
    app.kill('SIGTERM')
    await once(app, 'exit')
    const gone = performance.now()
    assert.match(await get(), /^(502 upstream_unreachable|503 upstream_unavailable)$/) // the breaker may have opened
    assert.equal(await health(probe), 0)
    const answers = await load.stop()
    const told = ['x 200', 'x 502 upstream_failed', 'x 502 upstream_unreachable', 'x 503 upstream_unavailable']
    assert.deepEqual(
      Object.keys(tally(answers)).filter((one) => !told.includes(one)),
      [],
    )
    assert.ok(longest(answers.filter(({ at }) => at > gone)) < 1000, 'nobody hangs')

    await drains(gateway, probe)
  })

  /** Refuses readiness from the signal on, and is gone in the end. */
  async function drains(gateway: TestGateway, probe: string): Promise<void> {
    const ended = gateway.end('SIGTERM')
    await eventually('readiness fails', async () => (await status(probe)) === 503)
    assert.equal(await health(probe), 1)
    assert.equal(await ended, 0)
    assert.equal(await health(probe), 1)
    assert.equal(gateway.errors(), '')
  }
})

async function status(url: string): Promise<number> {
  const { statusCode, body } = await request(url)
  await body.dump()
  return statusCode
}
