import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { createKeySets } from '#authn/key-sets.ts'
import { createVersions } from '#cli/gateway/versions.ts'
import { disk } from '#config/files.ts'
import { loadConfig } from '#config/load.ts'
import { createPools } from '#proxy/pools.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { silent, type Logger } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

const file = (path: string) => `
version: 1
upstreams: { app: 'http://127.0.0.1:1' }
routes: [{ path: ${path}, public: true, upstream: app }]
`

suite('versions of the file', () => {
  test('stay at the one in force when a good file cannot be built, and say so in log, metric and probe', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, file('/old'))
    const loaded = loadConfig(path, { ...disk, env: {} })
    assert.ok('config' in loaded)

    const metrics = createMetrics()
    const keySets = createKeySets({ metrics, log: silent })
    const pools = createPools(metrics)
    t.after(() => Promise.all([keySets.close(), pools.close()]))
    const errors: unknown[] = []
    const log: Logger = { ...silent, error: (fields, message) => errors.push([message, fields['problems']]) }
    let broken = false
    const failing: typeof pools = {
      ...pools,
      get: (options) => {
        if (broken) throw new Error('gone since it was checked')
        return pools.get(options)
      },
    }
    const gate = {
      authn: { clock: () => 0, keySets, lookups: undefined, metrics, log },
      limits: createLimiters({ metrics, log }),
      badCredentials: createBadCredentials({ metrics, log }),
    }
    const versions = createVersions(loaded, { path, env: {}, gate, pools: failing, metrics, log })
    t.after(() => versions.close())

    broken = true
    writeFileSync(path, file('/new'))
    versions.reload()
    assert.equal(versions.config.routes[0]?.path, '/old')
    assert.equal(versions.generation, 1)
    assert.deepEqual(errors, [['configuration refused', 'gone since it was checked']])
    assert.equal((await versions.component.check()).status, 'degraded')
    assert.match(await metrics.registry.metrics(), /^heimdall_config_reloads_total\{outcome="refused"\} 1$/m)

    broken = false
    versions.reload()
    assert.equal(versions.config.routes[0]?.path, '/new')
    assert.equal((await versions.component.check()).status, 'up')
  })
})
