/** @module */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite, test } from 'node:test'

import { DeadlineExceeded, withDeadline } from '#resilience/deadline.ts'

suite('withDeadline', () => {
  test('hands on what the work answers', async () => {
    assert.equal(await withDeadline('work', 1000, () => Promise.resolve('done')), 'done')
  })

  test('hands on what the work throws', async () => {
    await assert.rejects(
      withDeadline('work', 1000, () => Promise.reject(new RangeError('broken'))),
      RangeError,
    )
  })

  test('lets the caller go when the work takes too long, though the work does not listen', async () => {
    const start = performance.now()
    const never = withDeadline('the read', 20, () => new Promise<never>(() => undefined))
    await assert.rejects(
      never,
      (error) => error instanceof DeadlineExceeded && /the read took longer/.test(error.message),
    )
    assert.ok(performance.now() - start < 200)
  })

  test('does not blame the other side for a pause of our own', async (t) => {
    const echo = spawn('cat')
    t.after(() => echo.kill())
    const ask = () => {
      echo.stdin.write('ask')
      return once(echo.stdout, 'data')
    }
    await ask() // what follows runs among the sockets' events, after which come the timers
    const asked = withDeadline('the read', 30, ask)
    const until = performance.now() + 100
    while (performance.now() < until) Math.sqrt(2)
    assert.equal(String(await asked), 'ask')
  })

  test('tells the work when its time is up, and not when it ended before', async () => {
    const signals: AbortSignal[] = []
    const remember = (signal: AbortSignal) => signals.push(signal)
    await withDeadline('quick', 20, (signal) => Promise.resolve(remember(signal)))
    await assert.rejects(withDeadline('slow', 20, (signal) => (remember(signal), new Promise<never>(() => undefined))))
    assert.deepEqual(
      signals.map((signal) => signal.aborted),
      [false, true],
    )
  })
})
