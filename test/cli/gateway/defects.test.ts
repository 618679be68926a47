import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite, test } from 'node:test'

const src = join(import.meta.dirname, '../../../src')

/** Runs a script that has met `defect` in a process with the real log. */
function meet(defect: string) {
  const script = `
    import { endOnDefect } from '${src}/cli/gateway/defects.ts'
    import { createLogger } from '${src}/telemetry/log.ts'
    const log = createLogger({ level: 'info', metrics: { logDropped: { inc() {} } } })
    endOnDefect(log)
    setInterval(() => {}, 1000)
    ${defect}`
  const args = ['--input-type=module-typescript', '--eval', script]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 })
}

suite('an uncaught error', () => {
  const defects = [
    ['uncaughtException', `setImmediate(() => { throw new Error('left behind') })`],
    ['unhandledRejection', `void Promise.reject(new Error('left behind'))`],
  ] as const
  for (const [origin, defect] of defects)
    test(`ends the process with one log line that tells what it was: ${origin}`, () => {
      const { status, stdout, stderr } = meet(defect)
      assert.equal(status, 70, stderr)
      assert.equal(stderr, '')
      const [line, ...others] = stdout.trim().split('\n')
      assert.deepEqual(others, [])
      const { level, msg, origin: told, err } = JSON.parse(line ?? '') as Record<string, unknown>
      assert.deepEqual({ level, msg, told }, { level: 'error', msg: 'uncaught error: the process ends', told: origin })
      assert.equal((err as { message: string }).message, 'left behind')
    })
})
