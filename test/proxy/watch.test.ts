import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { Watch } from '#proxy/watch.ts'

import { until } from '../support/wire.ts'

suite('the watch', () => {
  const watched = (total = Infinity) => {
    const began = performance.now()
    const fired: number[] = []
    const watch = new Watch(total, () => fired.push(performance.now() - began))
    return { watch, fired }
  }

  test('fires once the limit has passed without movement', async () => {
    const { watch, fired } = watched()
    watch.limit(100)
    setTimeout(() => watch.moved(), 60)
    await until(() => fired.length > 0, 'the watch')
    assert.ok((fired[0] ?? 0) >= 155 && (fired[0] ?? 0) < 250, `${fired[0]} ms`)
  })

  test('takes a shorter limit at once and a longer one in time', async () => {
    const { watch, fired } = watched()
    watch.limit(5000)
    watch.limit(50)
    await until(() => fired.length > 0, 'the watch')
    assert.ok((fired[0] ?? Infinity) < 150)

    const other = watched()
    other.watch.limit(30)
    other.watch.limit(200)
    await until(() => other.fired.length > 0, 'the watch')
    assert.ok((other.fired[0] ?? 0) >= 195)
  })

  test('fires in time among many, whichever of them end before', async () => {
    const began = performance.now()
    const ends = [420, 350, 480, 520, 360, 700, 450].map((limit) => {
      const one = watched()
      one.watch.limit(limit)
      return { ...one, limit }
    })
    for (const index of [5, 0, 6]) ends[index]?.watch.stop() // the first, the last and one in the middle
    const later = watched()
    later.watch.limit(400)
    setTimeout(() => later.watch.limit(500), 150)
    await until(() => later.fired.length > 0, 'the last of them')
    for (const [index, { fired, limit }] of ends.entries())
      if ([5, 0, 6].includes(index)) assert.deepEqual(fired, [], `${limit} ms, stopped`)
      else assert.ok((fired[0] ?? 0) >= limit - 5 && (fired[0] ?? Infinity) < limit + 150, `${limit} ms: ${fired[0]}`)
    assert.ok(performance.now() - began >= 640)
  })

  test('fires when what is waited for has not come, whatever else moves', async () => {
    const { watch, fired } = watched()
    watch.limit(5000)
    watch.waits(60)
    watch.moved()
    await until(() => fired.length > 0, 'the watch')
    assert.ok((fired[0] ?? 0) >= 55 && (fired[0] ?? Infinity) < 200, `${fired[0]} ms`)

    const other = watched()
    other.watch.waits(30)
    other.watch.waits(Infinity)
    const control = watched()
    control.watch.waits(80)
    await until(() => control.fired.length > 0, 'the control')
    assert.deepEqual(other.fired, [])
  })

  test('looks once more at what came during a pause of the process', async () => {
    const { watch, fired } = watched()
    watch.limit(50)
    const arrives = new MessageChannel()
    arrives.port1.on('message', () => watch.moved())
    const ended = performance.now() + 120
    arrives.port2.postMessage('arrived meanwhile')
    while (performance.now() < ended); // as a long computation would
    await until(() => fired.length > 0, 'the watch')
    arrives.port1.close()
    assert.ok((fired[0] ?? 0) >= 165, `${fired[0]} ms`)
  })

  test('never fires once stopped or lifted', async () => {
    const stopped = watched()
    stopped.watch.limit(20)
    stopped.watch.stop()
    const lifted = watched(40)
    lifted.watch.limit(20)
    lifted.watch.lift()
    const control = watched()
    control.watch.limit(80)
    await until(() => control.fired.length > 0, 'the control')
    assert.deepEqual([stopped.fired, lifted.fired], [[], []])
  })
})
