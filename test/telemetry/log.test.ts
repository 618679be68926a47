import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'

import { createLogger, silent, type LoggerOptions } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { until } from '../support/wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'heimdall-log-'))
after(() => rmSync(folder, { recursive: true }))

/** Logs into a file and gives the lines after `close`. */
async function logged(write: (log: ReturnType<typeof createLogger>) => void, level: LoggerOptions['level'] = 'info') {
  const path = join(folder, `${process.hrtime.bigint()}.log`)
  const fd = openSync(path, 'w')
  const log = createLogger({ level, fd, metrics: createMetrics() })
  write(log)
  await log.close()
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

/** Runs a script that logs to its standard output, which nobody reads. */
function child(script: string) {
  const program = `
    import { createLogger } from '#telemetry/log.ts'
    import { createMetrics } from '#telemetry/metrics.ts'
    const metrics = createMetrics()
    const dropped = async () => (await metrics.logDropped.get()).values[0].value
    const say = (text) => process.stderr.write(text + '\\n')
    const log = createLogger({ level: 'info', metrics, capacity: 128 * 1024 })
    ${script}`
  return spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

suite('createLogger', () => {
  test('writes one JSON line per event, fields first and the message constant', async () => {
    const [line = '', ...rest] = await logged((log) => log.warn({ authenticator: 'acme', keys: 2 }, 'keys refreshed'))
    const { time, ...fields } = JSON.parse(line)
    assert.deepEqual(fields, { level: 'warn', authenticator: 'acme', keys: 2, msg: 'keys refreshed' })
    assert.equal(typeof time, 'number')
    assert.deepEqual(rest, [])
  })

  test('leaves out what is below its level, finished lines included', async () => {
    const all = (log: ReturnType<typeof createLogger>) => {
      log.debug({}, 'debug')
      log.info({}, 'info')
      log.line('{"level":"info","msg":"request"}\n')
      log.warn({}, 'warn')
      log.error({}, 'error')
    }
    const messages = async (level: LoggerOptions['level']) =>
      (await logged(all, level)).map((line) => JSON.parse(line).msg)
    assert.deepEqual(await messages('debug'), ['debug', 'info', 'request', 'warn', 'error'])
    assert.deepEqual(await messages('warn'), ['warn', 'error'])
  })

  test('escapes what would break the line or act on a terminal', async () => {
    const value = 'a\r\nb\u001b[2J\u009b31m\u2028\u202e'
    const [line = ''] = await logged((log) => log.info({ value }, 'odd'))
    assert.match(line, /^[\x20-\x7e]+$/)
    assert.equal(JSON.parse(line).value, value)
  })

  test('shows an access line within a second without being asked', async () => {
    const path = join(folder, 'slow.log')
    const fd = openSync(path, 'w')
    const log = createLogger({ level: 'info', fd, metrics: createMetrics() })
    log.line('{"msg":"alone"}\n')
    const started = performance.now()
    const timer = setInterval(() => undefined, 100) // the logger's own timer does not hold the process
    await until(() => readFileSync(path, 'utf8').includes('alone'), 'the line', 3000)
    clearInterval(timer)
    assert.ok(performance.now() - started < 1500)
    await log.close()
  })

  test('writes at once when asked to flush', async () => {
    const path = join(folder, 'flush.log')
    const fd = openSync(path, 'w')
    const log = createLogger({ level: 'info', fd, metrics: createMetrics() })
    log.line('{"msg":"now"}\n')
    log.flush()
    await until(() => readFileSync(path, 'utf8').includes('now'), 'the line', 400)
    await log.close()
  })

  test('has what tells of a change out before the process can die of it', async () => {
    const path = join(folder, 'last-words.log')
    const fd = openSync(path, 'w')
    const log = createLogger({ level: 'info', fd, metrics: createMetrics() })
    log.line('{"msg":"before"}\n')
    log.warn({}, 'last words')
    await until(() => /before[^]*last words/.test(readFileSync(path, 'utf8')), 'the line', 300)
    await log.close()
  })

  test('drops and counts lines after it was closed, and closes twice without harm', async () => {
    const metrics = createMetrics()
    const fd = openSync(join(folder, 'closed.log'), 'w')
    const log = createLogger({ level: 'info', fd, metrics })
    await log.close()
    await log.close()
    log.info({}, 'late')
    log.flush()
    assert.equal((await metrics.logDropped.get()).values[0]?.value, 1)
  })

  test('survives a destination that refuses writes', async () => {
    const path = join(folder, 'readonly.log')
    closeSync(openSync(path, 'w'))
    const fd = openSync(path, 'r')
    const log = createLogger({ level: 'info', fd, metrics: createMetrics() })
    log.info({}, 'nowhere')
    await log.close()
    assert.equal(readFileSync(path, 'utf8'), '')
  })
})

suite('the log of a process', () => {
  test('goes on when the reader stalls, counts what it drops, and still exits', { timeout: 20_000 }, async () => {
    const running = child(`
      for (let round = 0; round < 20; round += 1) {
        for (let index = 0; index < 500; index += 1) log.info({ index, pad: 'x'.repeat(100) }, 'flood')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      say('dropped ' + (await dropped()))
      const started = performance.now()
      await log.close()
      say('closed ' + (performance.now() - started < 2000))
      process.exit(0)`)
    running.stdout.pause()
    let told = ''
    running.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
    const [code] = await once(running, 'exit')
    assert.equal(code, 0)
    assert.match(told, /^dropped [1-9]\d*\nclosed true\n$/)
  })

  test('exits although the reader stalls when nobody closed the log', { timeout: 20_000 }, async () => {
    const running = child(`
      for (let index = 0; index < 5000; index += 1) log.info({ index, pad: 'x'.repeat(100) }, 'flood')
      setTimeout(() => process.exit(3), 1500)`)
    running.stdout.pause()
    const [code] = await once(running, 'exit')
    assert.equal(code, 3)
  })

  test('goes on and counts when the reader is gone', { timeout: 20_000 }, async () => {
    const running = child(`
      for (let round = 0; round < 20; round += 1) {
        for (let index = 0; index < 50; index += 1) log.info({ index, pad: 'x'.repeat(100) }, 'to nobody')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      say('dropped ' + (await dropped()))
      await log.close()`)
    running.stdout.destroy()
    let told = ''
    running.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
    const [code] = await once(running, 'exit')
    assert.equal(code, 0, told)
    assert.match(told, /^dropped [1-9]\d*\n$/)
  })

  test('loses nothing when the process ends in order', { timeout: 20_000 }, async () => {
    const running = child(`
      for (let index = 0; index < 100; index += 1) log.info({ index }, 'last words')
      process.exit(0)`)
    let text = ''
    running.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await once(running, 'close')
    assert.equal(text.split('\n').length - 1, 100)
  })
})

test('the silent logger says nothing', () => {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) assert.equal(silent[level]({}, 'x'), undefined)
})
