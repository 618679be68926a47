/** @module */
import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'

import { CallRefused, createBreaker, type BreakerOptions } from '#resilience/breaker.ts'
import { DeadlineExceeded } from '#resilience/deadline.ts'
import type { Logger } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { eventually } from '../support/processes.ts'

interface Line {
  readonly level: string
  readonly state: unknown
  readonly error: unknown
}

type Changes = { readonly [Name in keyof BreakerOptions]?: BreakerOptions[Name] | undefined }

function make(context: TestContext, options: Changes = {}) {
  const lines: Line[] = []
  const level =
    (name: string): Logger['info'] =>
    (fields) =>
      lines.push({ level: name, state: fields['state'], error: fields['error'] })
  const log: Logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
  const metrics = createMetrics()
  const settings = { timeout: 30, capacity: 100, volume: 10, errorShare: 0.5, window: 10_000, resetAfter: 30 }
  const breaker = createBreaker('part', { ...settings, metrics, log, ...options } as BreakerOptions)
  context.after(() => breaker.close())
  const state = async () => (await metrics.breakerState.get()).values[0]?.value
  return { breaker, lines, metrics, state }
}

const fail = () => Promise.reject(new Error('connection refused'))
const succeed = () => Promise.resolve('fine')

async function times(count: number, call: () => Promise<unknown>): Promise<unknown[]> {
  const outcomes: unknown[] = []
  for (let turn = 0; turn < count; turn += 1) outcomes.push(await call().catch((error: unknown) => error))
  return outcomes
}

suite('breaker', () => {
  test('hands on answers and errors of the action', async (context) => {
    const { breaker } = make(context)
    assert.equal(await breaker.run(succeed), 'fine')
    await assert.rejects(breaker.run(fail), /connection refused/)
  })

  test('ends a call at its deadline and tells the action', async (context) => {
    const { breaker } = make(context)
    let told: AbortSignal | undefined
    const hang = (signal: AbortSignal) => {
      told = signal
      return new Promise<never>(() => undefined)
    }
    await assert.rejects(breaker.run(hang), DeadlineExceeded)
    assert.equal(told?.aborted, true)
  })

  test('leaves the end of a call to the action when it has no deadline', async (context) => {
    const { breaker } = make(context, { timeout: undefined })
    const slow = () => new Promise((resolve) => setTimeout(() => resolve('late'), 60))
    assert.equal(await breaker.run(slow), 'late')
  })

  test('stays closed below the volume, however bad the share', async (context) => {
    const { breaker } = make(context)
    await times(9, () => breaker.run(fail))
    assert.equal(breaker.open, false)
  })

  test('counts no failure that came long after its deadline: this process stood still', async (context) => {
    const { breaker, state, lines } = make(context, { inARow: 1, volume: 1 })
    const answered = Promise.withResolvers<never>()
    const late = breaker.run(() => answered.promise).catch((error: unknown) => error)
    const until = performance.now() + 120
    while (performance.now() < until);
    answered.reject(new Error('the timer of a driver'))
    assert.equal((await late) instanceof Error && ((await late) as Error).name, 'OwnDelay')
    assert.deepEqual([await state(), lines], [0, []])
    await assert.rejects(breaker.run(fail))
    assert.equal(await state(), 2)
  })

  test('does not close for a trial that failed while this process stood still', async (context) => {
    const { breaker, state } = make(context, { inARow: 1, volume: 1 })
    await assert.rejects(breaker.run(fail))
    await eventually('half open', async () => (await state()) === 1)
    const trial = Promise.withResolvers<never>()
    const late = breaker.run(() => trial.promise).catch((error: unknown) => error)
    const until = performance.now() + 120
    while (performance.now() < until);
    trial.reject(new Error('still away'))
    await late
    assert.equal(await state(), 2)
  })

  test('opens when the share of failures is too high, and refuses at once', async (context) => {
    const { breaker } = make(context, { volume: 5 })
    await times(5, () => breaker.run(fail))
    assert.equal(breaker.open, true)
    const start = performance.now()
    await assert.rejects(breaker.run(succeed), (error) => error instanceof CallRefused && error.reason === 'open')
    assert.ok(performance.now() - start < 20)
  })

  test('opens on a run of failures although the window is full of successes', async (context) => {
    const { breaker } = make(context, { inARow: 5 })
    await times(200, () => breaker.run(succeed))
    await times(4, () => breaker.run(fail))
    await breaker.run(succeed)
    await times(4, () => breaker.run(fail))
    assert.equal(breaker.open, false)
    await times(1, () => breaker.run(fail))
    assert.equal(breaker.open, true)
  })

  test('opens on one failure that stands for a run of them', async (context) => {
    const { breaker } = make(context, { inARow: 5 })
    await assert.rejects(breaker.run(fail, 4))
    await breaker.run(succeed)
    await assert.rejects(breaker.run(fail, 4))
    assert.equal(breaker.open, false)
    await assert.rejects(breaker.run(fail))
    assert.equal(breaker.open, true)
  })

  test('stays closed on errors that do not count', async (context) => {
    const { breaker } = make(context, { inARow: 3, counts: (error) => !(error instanceof RangeError) })
    await times(1000, () => breaker.run(() => Promise.reject(new RangeError('no such key'))))
    assert.equal(breaker.open, false)
  })

  test('refuses calls over its capacity at once, and does not count them as failures', async (context) => {
    const { breaker } = make(context, { capacity: 2, timeout: 1000 })
    const held = Promise.withResolvers<string>()
    const under = [breaker.run(() => held.promise), breaker.run(() => held.promise)]
    const outcomes = await times(100, () => breaker.run(succeed))
    assert.ok(outcomes.every((outcome) => outcome instanceof CallRefused && outcome.reason === 'busy'))
    assert.equal(breaker.open, false)
    held.resolve('done')
    assert.deepEqual(await Promise.all(under), ['done', 'done'])
    assert.equal(await breaker.run(succeed), 'fine')
  })

  test('lets exactly one call try after the pause, and closes when it succeeds', async (context) => {
    const { breaker } = make(context, { inARow: 2 })
    await times(2, () => breaker.run(fail))
    await eventually('half open', () => !breaker.open)
    const held = Promise.withResolvers<string>()
    const trial = breaker.run(() => held.promise)
    assert.equal(breaker.open, true)
    await assert.rejects(breaker.run(succeed), CallRefused)
    held.resolve('back')
    assert.equal(await trial, 'back')
    assert.equal(breaker.open, false)
  })

  test('opens again when the trial fails or hangs', async (context) => {
    const { breaker } = make(context, { inARow: 2 })
    await times(2, () => breaker.run(fail))
    await eventually('half open', () => !breaker.open)
    await assert.rejects(
      breaker.run(() => new Promise<never>(() => undefined)),
      DeadlineExceeded,
    )
    assert.equal(breaker.open, true)
  })

  test('tries by itself when told how, so that no caller waits for a part that is away', async (context) => {
    let [tries, back] = [0, false]
    const trial = () => {
      tries += 1
      return back ? succeed() : new Promise<never>(() => undefined)
    }
    const { breaker } = make(context, { inARow: 2, trial })
    await times(2, () => breaker.run(fail))
    await eventually('tried again and again', () => {
      assert.equal(breaker.open, true)
      return tries >= 3
    })
    back = true
    await eventually('closed', () => !breaker.open)
    assert.equal(await breaker.run(succeed), 'fine')
  })

  test('shows its state, and writes one line per change with the reason', async (context) => {
    const { breaker, lines, state, metrics } = make(context, { inARow: 2 })
    assert.equal(await state(), 0)
    await times(2, () => breaker.run(fail))
    assert.equal(await state(), 2)
    await eventually('half open', () => !breaker.open)
    assert.equal(await state(), 1)
    await breaker.run(succeed)
    assert.equal(await state(), 0)
    assert.deepEqual(lines, [
      { level: 'warn', state: 'open', error: 'connection refused' },
      { level: 'debug', state: 'half_open', error: undefined },
      { level: 'info', state: 'closed', error: undefined },
    ])
    assert.deepEqual(
      (await metrics.breakerChanges.get()).values.map(({ labels, value }) => [labels['state'], value]),
      [
        ['open', 1],
        ['half_open', 1],
        ['closed', 1],
      ],
    )
  })

  test('keeps the trials of a long outage out of the log', async (context) => {
    const { breaker, lines } = make(context, { inARow: 2, resetAfter: 10 })
    await times(2, () => breaker.run(fail))
    for (let turn = 0; turn < 3; turn += 1) {
      await eventually('half open', () => !breaker.open)
      await times(1, () => breaker.run(fail))
    }
    assert.equal(lines.filter(({ level }) => level !== 'debug').length, 1)
  })

  test('refuses everything once closed for good', async (context) => {
    const { breaker } = make(context)
    breaker.close()
    assert.equal(breaker.open, true)
    await assert.rejects(breaker.run(succeed), CallRefused)
  })
})
