/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { z } from 'zod'

import { cacheKey } from '#cache/key.ts'
import type { SharedCache, SharedRead } from '#cache/shared.ts'
import { createTiered, type TieredOptions } from '#cache/tiered.ts'
import type { Asker } from '#request/asker.ts'
import { deny } from '#request/verdict.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

interface Person {
  readonly name: string
  readonly roles: readonly string[]
}

const schema = z.strictObject({ name: z.string(), roles: z.array(z.string()) })

/** A shared cache in memory, whose clock is not the processes'. */
function sharedCache(now: () => number) {
  const kept = new Map<string, { value: unknown; end: number }>()
  const skew = 86_400_000
  const clock = () => now() + skew
  const cache = {
    down: false,
    kept,
    /** Milliseconds that pass between the command and the answer. */
    delay: () => undefined as void,
    read: (key: string): Promise<SharedRead> => {
      const entry = kept.get(key)
      const live = entry !== undefined && entry.end > clock() ? entry : undefined
      const read = {
        value: live?.value as string | undefined,
        remaining: live === undefined ? -2 : live.end - clock(),
        clock: clock(),
      }
      cache.delay()
      return cache.failing ? Promise.reject(new Error('away')) : Promise.resolve(read)
    },
    write: (key: string, value: string, end: number) => {
      if (cache.failing) return Promise.reject(new Error('away'))
      kept.set(key, { value, end })
      return Promise.resolve()
    },
    remove: (key: string) => {
      kept.delete(key)
      return Promise.resolve()
    },
    failing: false,
  }
  return cache satisfies SharedCache & Record<string, unknown>
}

function setUp() {
  const world = { now: 1000 }
  const people = new Map<string, Person>([['alice', { name: 'Alice', roles: ['user'] }]])
  const source = { reads: 0, down: false }
  const shared = sharedCache(() => world.now)
  const metrics = createMetrics()
  const options: TieredOptions<string, Person> = {
    name: 'person',
    key: (id) => cacheKey('person', id),
    source: (id) => {
      source.reads += 1
      return source.down ? Promise.reject(new Error('away')) : Promise.resolve(people.get(id))
    },
    schema,
    shared,
    most: 100,
    clock: () => world.now,
    metrics,
    log: silent,
  }
  /** Another process on the same shared cache and source; its monotonic clock began elsewhere. */
  const process = (change: Partial<TieredOptions<string, Person>> = {}) => createTiered({ ...options, ...change })
  return { world, people, source, shared, metrics, process }
}

const place = (id: string) => `heimdall:1:person:${cacheKey('person', id)}`

suite('tiered lookup', () => {
  test('asks the source once, then answers at once from memory', async () => {
    const { world, source, process } = setUp()
    const get = process()
    const alice = { name: 'Alice', roles: ['user'] }
    assert.deepEqual(await get('alice', 'deny'), { kind: 'found', value: alice, layer: 'source', age: 0, stale: false })
    world.now += 4999
    assert.deepEqual(get('alice', 'deny'), { kind: 'found', value: alice, layer: 'l1', age: 4999, stale: false })
    assert.equal(source.reads, 1)
  })

  test('asks again when an answer is five seconds old', async () => {
    const { world, people, source, process } = setUp()
    const get = process({ shared: undefined })
    await get('alice', 'deny')
    people.set('alice', { name: 'Alice', roles: [] })
    world.now += 5000
    const found = await get('alice', 'deny')
    assert.deepEqual(found.kind === 'found' && found.value.roles, [])
    assert.equal(source.reads, 2)
  })

  test('shares answers with another process through the shared cache', async () => {
    const { world, source, process } = setUp()
    await process()('alice', 'deny')
    world.now += 1000
    const found = await process({ clock: () => world.now + 777 })('alice', 'deny')
    assert.deepEqual(found.kind === 'found' && [found.layer, found.age], ['l2', 1000])
    assert.equal(source.reads, 1)
  })

  test('never believes an answer longer than five seconds in all, through however many layers', async () => {
    const { world, people, process } = setUp()
    await process()('alice', 'deny')
    people.set('alice', { name: 'Alice', roles: [] })
    let last: number | undefined
    const start = world.now
    let get = process()
    for (; world.now < start + 10_000; world.now += 100) {
      if ((world.now - start) % 700 === 0) get = process() // a new process with an empty memory each time
      const found = await get('alice', 'deny')
      if (found.kind === 'found' && found.value.roles.length > 0) last = world.now
    }
    assert.ok(last !== undefined && last - start < 5000, `believed for ${(last ?? 0) - start} ms`)
  })

  test('counts the age from the start of the read, however long it took', async () => {
    const { world, process } = setUp()
    const slow = process({
      source: () => {
        world.now += 400
        return Promise.resolve({ name: 'Alice', roles: [] })
      },
    })
    const found = await slow('alice', 'deny')
    assert.equal(found.kind === 'found' && found.age, 400)
    world.now += 4599
    assert.equal((await slow('alice', 'deny')).kind === 'found', true)
    const other = await process()('alice', 'deny')
    assert.deepEqual(other.kind === 'found' && [other.layer, other.age], ['l2', 4999])
  })

  test('takes the time that the shared cache took to answer off the life of its value', async () => {
    const { world, shared, process } = setUp()
    await process()('alice', 'deny')
    world.now += 4990
    shared.delay = () => (world.now += 20) as unknown as undefined
    const found = await process()('alice', 'deny')
    assert.equal(found.kind === 'found' && found.layer, 'source')
  })

  test('writes with an end on the clock of the shared cache, so that a late write is dead on arrival', async () => {
    const { world, shared, process } = setUp()
    const read = world.now + 86_400_000
    await process()('alice', 'deny')
    assert.equal(shared.kept.get(place('alice'))?.end, read + 5000)
  })

  test('does not write to a shared cache that did not answer', async () => {
    const { shared, process } = setUp()
    shared.failing = true
    assert.equal((await process()('alice', 'deny')).kind, 'found')
    shared.failing = false
    assert.equal(shared.kept.size, 0)
  })

  test('passes over a shared cache that is down', async () => {
    const { shared, process } = setUp()
    await process()('alice', 'deny')
    shared.down = true
    const found = await process()('alice', 'deny')
    assert.equal(found.kind === 'found' && found.layer, 'source')
  })

  const poisoned: readonly [name: string, value: unknown, life: number][] = [
    ['text that is not JSON', 'garbage', 3000],
    ['a truncated value', '{"key":"', 3000],
    ['a value of another form', JSON.stringify({ key: place('alice'), value: { name: 'Alice', admin: true } }), 3000],
    ['a value without its key', JSON.stringify({ value: { name: 'Mallory', roles: ['admin'] } }), 3000],
    [
      'the value of another key',
      JSON.stringify({ key: place('mallory'), value: { name: 'Mallory', roles: ['admin'] } }),
      3000,
    ],
    [
      'a value that would live too long',
      JSON.stringify({ key: place('alice'), value: { name: 'Mallory', roles: ['admin'] } }),
      60_000,
    ],
    ['a value that is too large', JSON.stringify({ key: place('alice'), value: 'x'.repeat(70_000) }), 3000],
  ]
  for (const [name, value, life] of poisoned) {
    test(`ignores and replaces ${name} in the shared cache`, async () => {
      const { world, shared, process } = setUp()
      shared.kept.set(place('alice'), { value, end: world.now + 86_400_000 + life })
      const found = await process()('alice', 'deny')
      assert.deepEqual(found.kind === 'found' && [found.layer, found.value.roles], ['source', ['user']])
      const again = await process()('alice', 'deny')
      assert.equal(again.kind === 'found' && again.layer, 'l2')
    })
  }

  test('remembers for a second that a key does not exist', async () => {
    const { world, people, source, process } = setUp()
    const get = process()
    assert.deepEqual(await get('bob', 'deny'), { kind: 'absent', layer: 'source', age: 0 })
    people.set('bob', { name: 'Bob', roles: [] })
    world.now += 999
    assert.deepEqual(get('bob', 'deny'), { kind: 'absent', layer: 'l1', age: 999 })
    world.now += 1
    assert.equal((await get('bob', 'deny')).kind, 'found')
    assert.equal(source.reads, 2)
  })

  test('keeps good answers through a flood of keys that do not exist, and the flood out of the shared cache', async () => {
    const { source, shared, metrics, process } = setUp()
    const get = process()
    await get('alice', 'deny')
    for (let turn = 0; turn < 1000; turn += 1) await get(`nobody-${turn}`, 'deny')
    const before = source.reads
    const found = await get('alice', 'deny')
    assert.equal(found.kind === 'found' && found.layer, 'l1')
    assert.equal(source.reads, before)
    assert.equal(shared.kept.size, 1)
    const entries = (await metrics.cacheEntries.get()).values.map(({ labels, value }) => [labels['cache'], value])
    assert.deepEqual(Object.fromEntries(entries), { person: 1, person_absent: 25 })
  })

  test('makes one read of many callers, also when the shared cache was flushed', async () => {
    const { world, source, shared, process } = setUp()
    const get = process()
    await get('alice', 'deny')
    shared.kept.clear()
    world.now += 5000
    await Promise.all(Array.from({ length: 100 }, async () => get('alice', 'deny')))
    assert.equal(source.reads, 2)
  })

  test('is unavailable when neither memory nor source can tell', async () => {
    const { source, process } = setUp()
    source.down = true
    assert.deepEqual(await process()('alice', 'deny'), { kind: 'unavailable' })
  })

  test('serves an old answer while the source is down, if the policy says so and no older than it says', async () => {
    const { world, source, process } = setUp()
    const get = process({ shared: undefined })
    await get('alice', 'deny')
    source.down = true
    world.now += 60_000
    assert.equal((await get('alice', 'deny')).kind, 'unavailable')
    const served = await get('alice', { serve_for: 60_000 })
    assert.deepEqual(served.kind === 'found' && [served.age, served.stale, served.layer], [60_000, true, 'l1'])
    world.now += 1
    assert.equal((await get('alice', { serve_for: 60_000 })).kind, 'unavailable')
  })

  test('asks nobody for an old answer that is wanted at once', async () => {
    const { world, source, process } = setUp()
    const get = process({ shared: undefined })
    await get('alice', 'deny')
    world.now += 5000
    const found = await get('alice', { serve_for: 60_000, at_once: true })
    assert.deepEqual(found.kind === 'found' && [found.age, found.stale], [5000, true])
    assert.equal(source.reads, 1)
  })

  test('never serves what the source has since said does not exist', async () => {
    const { world, people, source, process } = setUp()
    const get = process({ shared: undefined })
    await get('alice', 'deny')
    people.delete('alice')
    world.now += 5000
    assert.equal((await get('alice', 'deny')).kind, 'absent')
    source.down = true
    world.now += 5000
    assert.equal((await get('alice', { serve_for: 3_600_000 })).kind, 'unavailable')
  })

  test('hands out the same object while nothing has changed, and another when something has', async () => {
    const { world, people, process } = setUp()
    const get = process({ shared: undefined })
    const valueOf = async () => {
      const found = await get('alice', 'deny')
      return found.kind === 'found' ? found.value : undefined
    }
    const first = await valueOf()
    people.set('alice', { name: 'Alice', roles: ['user'] })
    world.now += 5000
    assert.equal(await valueOf(), first)
    people.set('alice', { name: 'Alice', roles: ['admin'] })
    world.now += 5000
    assert.notEqual(await valueOf(), first)
  })

  test('counts which layer answered', async () => {
    const { world, source, metrics, process } = setUp()
    const get = process({ shared: undefined })
    await get('alice', 'deny')
    await get('alice', 'deny')
    source.down = true
    world.now += 5000
    await get('alice', { serve_for: 60_000 })
    await get('bob', 'deny')
    const counts = (await metrics.cacheReads.get()).values.map(({ labels, value }) => [labels['layer'], value])
    assert.deepEqual(Object.fromEntries(counts), { l1: 1, source: 1, stale: 1, error: 1 })
  })

  test('asks for leave to read what was never found, and names the stranger to the source', async () => {
    const { world, source, process } = setUp()
    const asked: (string | undefined)[] = []
    const get = process({
      shared: undefined,
      source: (id, stranger) => {
        source.reads += 1
        asked.push(stranger)
        return Promise.resolve(id === 'alice' ? { name: 'Alice', roles: [] } : undefined)
      },
    })
    const leave = { given: 0 }
    const asker: Asker = { client: '192.0.2.1', refuseWork: () => void (leave.given += 1) }
    await Promise.all([get('alice', 'deny', asker), get('alice', 'deny', asker)])
    assert.equal(leave.given, 1, 'who joins a read causes none')
    await get('alice', 'deny', asker)
    world.now += 6000
    await get('alice', 'deny', asker)
    assert.equal(leave.given, 1, 'what was found once is read again without leave')
    await get('nobody', 'deny', asker)
    assert.equal(leave.given, 2)
    assert.deepEqual(asked, ['192.0.2.1', undefined, '192.0.2.1'])
  })

  test('does not trouble the shared cache with what a stranger may have made up', async () => {
    const { world, shared, process } = setUp()
    const places: string[] = []
    const watched = { ...shared, read: (key: string) => (places.push(key), shared.read(key)) }
    const get = process({ shared: watched })
    const asker: Asker = { client: '192.0.2.1', refuseWork: () => undefined }
    await get('nobody', 'deny', asker)
    assert.deepEqual(places, [])
    await get('alice', 'deny', asker)
    assert.deepEqual(places, [place('alice')], 'what there is, is kept there')
    world.now += 3000
    const other = await process()('alice', 'deny')
    assert.deepEqual(other.kind === 'found' && [other.layer, other.age], ['l2', 3000])
  })

  test('keeps what a stranger asked for no longer than what was looked for first', async () => {
    const { world, shared, process } = setUp()
    shared.delay = () => void (world.now += 400)
    await process()('alice', 'deny', { client: '192.0.2.1', refuseWork: () => undefined })
    await new Promise((resolve) => setImmediate(resolve))
    shared.delay = () => undefined
    const { remaining } = await shared.read(place('alice'))
    assert.equal(remaining, 5000 - 400 - 400) // that the answer took, and as much again for not knowing when in it the clock was read
  })

  test('hands on the refusal of leave, and reads nothing', async () => {
    const { source, process } = setUp()
    const get = process()
    const refusal = deny('too_many_failures', 'no leave')
    const held: Asker = { client: '192.0.2.1', refuseWork: () => refusal }
    assert.equal(get('alice', 'deny', held), refusal)
    assert.equal(source.reads, 0)
    await get('alice', 'deny')
    assert.equal((await get('alice', 'deny', held)).kind, 'found')
  })
})
