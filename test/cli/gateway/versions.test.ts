import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { createKeySets } from '#authn/key-sets.ts'
import { createVersions } from '#cli/gateway/versions.ts'
import { disk } from '#config/files.ts'
import { loadConfig } from '#config/load.ts'
import { createBackends } from '#proxy/backends.ts'
import { createUpstreams } from '#proxy/upstreams.ts'
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
    const upstreams = createUpstreams({ backends: createBackends(metrics), metrics, log: silent })
    t.after(async () => {
      await keySets.close()
      upstreams.close()
    })
    const errors: unknown[] = []
    const log: Logger = { ...silent, error: (fields, message) => errors.push([message, fields['problems']]) }
    let broken = false
    const failing: typeof upstreams = {
      ...upstreams,
      get: (...block) => {
        if (broken) throw new Error('gone since it was checked')
        return upstreams.get(...block)
      },
    }
    const gate = {
      authn: { clock: () => 0, keySets, lookups: undefined, metrics, log },
      limits: createLimiters({ metrics }),
      badCredentials: createBadCredentials({ metrics, log }),
    }
    const versions = createVersions(loaded, { path, env: {}, gate, upstreams: failing, metrics, log })

    broken = true
    writeFileSync(path, file('/new'))
    versions.reload()
    assert.equal(versions.config.routes[0]?.path, '/old')
    assert.equal(versions.generation, 1)
    assert.deepEqual(errors, [['configuration refused', 'gone since it was checked']])
    assert.equal((await versions.component.check()).status, 'degraded')
    assert.match(await metrics.registry.metrics(), /^heimdall_config_reloads_total\{outcome="refused"\} 1$/m)

    const [upstream] = versions.current.upstreams
    broken = false
    versions.reload()
    assert.ok(upstream)
    assert.equal(versions.current.upstreams[0], upstream, 'a block that stays the same stays the same upstream')
    assert.equal(versions.config.routes[0]?.path, '/new')
    assert.equal((await versions.component.check()).status, 'up')
  })
})
