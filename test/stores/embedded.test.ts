/** @module */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { openEmbedded } from '#stores/embedded.ts'
import { DirectoryInUse, takeLock } from '#stores/lock-file.ts'
import { migrate } from '#stores/migrations.ts'
import { createSqlReads } from '#stores/reads-sql.ts'
import { grant } from '#stores/writes.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

function temporary(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'heimdall-embedded-'))
  context.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

suite('openEmbedded', () => {
  test('keeps what was written when it is opened again, and refuses a second opener meanwhile', async (context) => {
    const directory = join(temporary(context), 'new')
    const first = await openEmbedded(directory)
    await migrate(first.db)
    await grant(first.db, { issuer: 'i', subject: 's' }, { roles: ['r'] })
    await assert.rejects(openEmbedded(directory), DirectoryInUse)
    await first.close()
    const second = await openEmbedded(directory)
    const reads = createSqlReads(second, { metrics: createMetrics(), log: silent })
    assert.deepEqual((await reads.grants('i', 's')).roles, ['r'])
    reads.close()
    await second.close()
    assert.equal(existsSync(join(directory, 'lock')), false)
  })

  test('gives the lock back when the database cannot be opened', async (context) => {
    const directory = temporary(context)
    writeFileSync(join(directory, 'postgres'), 'not a directory')
    await assert.rejects(openEmbedded(directory))
    assert.deepEqual(readdirSync(directory), ['postgres'])
  })
})

suite('takeLock', () => {
  test('is held until given back', (context) => {
    const path = join(temporary(context), 'lock')
    const unlock = takeLock(path)
    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`)
    assert.throws(() => takeLock(path), DirectoryInUse)
    unlock()
    takeLock(path)()
    assert.equal(existsSync(path), false)
  })

  test('names the process that holds it', (context) => {
    const path = join(temporary(context), 'lock')
    writeFileSync(path, `${process.ppid}\n`)
    assert.throws(() => takeLock(path), new RegExp(`in use by process ${process.ppid};.*remove ${path}`))
    assert.equal(readFileSync(path, 'utf8'), `${process.ppid}\n`)
  })

  test('takes over from a process that is gone', (context) => {
    const directory = temporary(context)
    const path = join(directory, 'lock')
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    writeFileSync(path, `${gone}\n`)
    takeLock(path)()
    assert.deepEqual(readdirSync(directory), [])
  })

  test('takes over what is no process at all, and our own number from an earlier life', (context) => {
    const path = join(temporary(context), 'lock')
    for (const left of ['', 'nonsense', '-1', `${process.pid}\n`]) {
      writeFileSync(path, left)
      takeLock(path)()
    }
  })

  test('is taken by one of many processes that find a stale one', async (context) => {
    const path = join(temporary(context), 'lock')
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    writeFileSync(path, `${gone}\n`)
    const module = join(import.meta.dirname, '../../src/stores/lock-file.ts')
    const one = `
      const { takeLock } = await import(${JSON.stringify(module)})
      try { takeLock(${JSON.stringify(path)}); console.log('taken') } catch (error) { console.log(error.name) }
      process.stdin.resume()` // stays until all have tried
    const children = Array.from({ length: 6 }, () => spawn(process.execPath, ['--input-type=module', '-e', one]))
    const said = await Promise.all(children.map(async (child) => String((await once(child.stdout, 'data'))[0]).trim()))
    for (const child of children) child.stdin.end()
    const lines = said.sort()
    assert.deepEqual(lines, [
      'DirectoryInUse',
      'DirectoryInUse',
      'DirectoryInUse',
      'DirectoryInUse',
      'DirectoryInUse',
      'taken',
    ])
  })
})
