import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

import { shortened } from '#telemetry/pipe.ts'

/** Starts three processes that log into one pipe, or one socket, lines of many lengths, and then end. */
function writers(lines: number, to: 'pipe' | 'socket') {
  const program = `
    import { createLogger } from '#telemetry/log.ts'
    import { createMetrics } from '#telemetry/metrics.ts'
    const worker = Number(process.argv[1])
    const log = createLogger({ level: 'info', metrics: createMetrics(), among: true, worker, capacity: 64 * 1024 * 1024 })
    for (let number = 0; number < ${lines}; number += 1) {
      log.line(JSON.stringify({ number, text: 'é'.repeat((number * 37) % (number % 50 === 0 ? 2600 : 900)), msg: 'line' }) + '\\n')
      if (number % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    log.info({ lines: ${lines} }, 'done')
    await log.close()`
  const node = `"${process.execPath}" --input-type=module-typescript --eval "$PROGRAM"`
  return spawn('/bin/sh', ['-c', `{ ${node} 0 & ${node} 1 & ${node} 2 & wait; }${to === 'pipe' ? ' | cat' : ''}`], {
    cwd: join(import.meta.dirname, '../..'),
    env: { ...process.env, PROGRAM: program },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

suite('a pipe that several processes log to', () => {
  for (const to of ['pipe', 'socket'] as const)
    test(`holds whole lines alone, and all of them, also when its reader is slow (${to})`, async () => {
      const child = writers(500, to)
      let text = ''
      let reads = 0
      child.stdout.setEncoding('utf8')
      child.stdout.on('data', (chunk: string) => {
        text += chunk
        reads += 1
        if (reads % 20 !== 0) return
        child.stdout.pause()
        void pause(2).then(() => child.stdout.resume())
      })
      await once(child, 'close')
      const lines = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      for (const worker of [0, 1, 2]) {
        const own = lines.filter((line) => line['worker'] === worker)
        assert.deepEqual(
          own.slice(0, -1).map(({ number }) => number),
          [...Array(500).keys()],
        )
        assert.equal(own.at(-1)?.['msg'], 'done')
      }
    })

  test('has its longest lines shortened, which they say', () => {
    const long = shortened(`${JSON.stringify({ path: '/é'.repeat(9000), msg: 'request' })}\n`)
    const { path, ...rest } = JSON.parse(long) as Record<string, unknown>
    assert.deepEqual(rest, { msg: 'request', cut: true })
    assert.match(String(path), /^(\/é)+\/?…$/)
    const fields = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field${index}`, 'x']))
    assert.equal(shortened(`${JSON.stringify(fields)}\n`), '{"level":"error","msg":"line too long"}\n')
  })
})
