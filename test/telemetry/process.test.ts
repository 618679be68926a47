import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'

import { Registry } from 'prom-client'

import { addProcessMetrics, mostOpenFiles } from '#telemetry/process.ts'

import { sample } from '../support/samples.ts'

const root = resolve(import.meta.dirname, '../..')

suite('what the process uses', () => {
  const make = () => {
    const registry = new Registry()
    addProcessMetrics(registry)
    return async (name: string, labels = {}) => sample(await registry.metrics(), name, labels)
  }

  test('is told under the usual names, each time anew', async () => {
    const read = make()
    assert.ok(Math.abs((await read('process_start_time_seconds')) * 1000 - (Date.now() - performance.now())) < 5000)
    assert.ok((await read('process_resident_memory_bytes')) > 10 * 1024 ** 2)
    const [total, used] = [await read('nodejs_heap_size_total_bytes'), await read('nodejs_heap_size_used_bytes')]
    assert.ok(used > 1024 ** 2 && used <= total)
    const cpu = await read('process_cpu_seconds_total')
    for (let turn = 0; (await read('process_cpu_seconds_total')) <= cpu; turn += 1) assert.ok(turn < 10_000)
    await new Promise((resolve) => setTimeout(resolve, 2)) // the loop must have begun
    assert.ok((await read('nodejs_eventloop_time_seconds_total', { state: 'active' })) > 0)
  })

  test('counts open files and sockets', { skip: process.platform !== 'linux' }, async (t) => {
    const read = make()
    const before = await read('process_open_fds')
    assert.ok(Math.abs(before - readdirSync('/proc/self/fd').length) <= 2)
    const servers = Array.from({ length: 20 }, () => createServer().listen(0, '127.0.0.1'))
    t.after(() => servers.forEach((server) => server.close()))
    await Promise.all(servers.map((server) => once(server, 'listening')))
    assert.equal((await read('process_open_fds')) - before, 20)
    assert.equal(await read('process_max_fds'), mostOpenFiles())
  })

  test('is left out where it may not be asked', () => {
    const script = `
      import { Registry } from 'prom-client'
      import { addProcessMetrics } from '${root}/src/telemetry/process.ts'
      const registry = new Registry()
      addProcessMetrics(registry)
      console.log(await registry.metrics())`
    const flags = ['--permission', `--allow-fs-read=${root}`, '--input-type=module-typescript']
    const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, '--eval', script], {
      encoding: 'utf8',
      cwd: root,
    })
    assert.equal(status, 0, stderr)
    assert.doesNotMatch(stdout, /_fds/)
    assert.ok(sample(stdout, 'process_resident_memory_bytes') > 0)
    assert.ok(sample(stdout, 'process_cpu_seconds_total') > 0)
  })
})
