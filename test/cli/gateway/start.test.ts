import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { loadConfig, type Loaded } from '#config/load.ts'
import { startGateway } from '#cli/gateway/start.ts'

function loaded(yaml: string): Loaded {
  const world = { env: {}, readFile: () => yaml, listFolder: () => [] }
  const outcome = loadConfig('/etc/heimdall/heimdall.yaml', world)
  assert.ok('config' in outcome)
  return outcome
}

const file = `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
stores: { redis: 'redis://127.0.0.1:1' }
upstreams: { app: 'http://127.0.0.1:1' }
routes: [{ path: /, public: true, upstream: app }]
`

suite('a gateway whose start fails', () => {
  test('leaves nothing running that would keep the process alive', async () => {
    const failing = {
      path: '/etc/heimdall/heimdall.yaml',
      loaded: loaded(file),
      prepare: () => Promise.reject(new Error('no')),
    }
    await assert.rejects(startGateway(failing, { env: {}, clock: Date.now }), /^Error: no$/)
    const kept = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap' || kind === 'Timeout')
    assert.deepEqual(kept, [])
  })
})
