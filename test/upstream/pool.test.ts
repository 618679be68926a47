import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import { Pool, type PoolOptions } from '#upstream/pool.ts'

import { fixed, never } from '../support/answers.ts'
import { Recorded } from '../support/exchange.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'
import { until } from '../support/wire.ts'

let upstream: Upstream
before(async () => {
  upstream = await startUpstream(never)
})
after(() => upstream.close())

type Options = Partial<Omit<PoolOptions, 'origin'>> & { readonly port?: number; readonly timeout?: number }

/** A pool for one test, and what belongs to the connections made in it. */
async function withPool(options: Options, use: (pool: Pool, opened: () => number) => Promise<void>): Promise<void> {
  const { port = upstream.port, timeout = 1000, ...others } = options
  const origin = { host: '127.0.0.1', port, tls: undefined, lookup: undefined, timeout }
  const pool = new Pool({ origin, connections: 2, waiting: 10, keeps: true, ...others })
  const before = upstream.connections.length
  try {
    await use(pool, () => upstream.connections.length - before)
  } finally {
    pool.destroy()
    await until(() => upstream.open() === 0, 'all connections to be closed')
  }
}

const ask = (pool: Pool, head: Partial<Recorded['head']> = {}) => {
  const exchange = new Recorded(head)
  pool.send(exchange)
  return exchange
}

/** Answers as often as told, in the order of the requests. */
function held(): { answer: Answer; release: () => void } {
  const turns: (() => void)[] = []
  let released = 0
  return {
    answer: async (request, connection) => {
      if (released > 0) released -= 1
      else await new Promise<void>((resolve) => turns.push(resolve))
      await fixed(200, request.target)(request, connection)
    },
    release: () => {
      const turn = turns.shift()
      if (turn === undefined) released += 1
      else turn()
    },
  }
}

suite('a pool', () => {
  test('opens no more connections than it may, and serves those that wait in their order', async () => {
    const { answer, release } = held()
    upstream.answer = answer
    await withPool({}, async (pool, opened) => {
      const asked = ['/1', '/2', '/3', '/4', '/5'].map((path) => ask(pool, { path }))
      await until(() => pool.stats.running === 2 && opened() === 2, 'two to run')
      assert.deepEqual([opened(), pool.stats], [2, { connected: 2, running: 2, pending: 3 }])
      const order: string[] = []
      for (const exchange of asked) void exchange.over.then(({ body }) => order.push(body))
      for (let count = 1; count <= 5; count += 1) {
        release()
        await until(() => order.length === count, `answer ${count}`)
      }
      assert.deepEqual(order.slice(2), ['/3', '/4', '/5'])
      assert.deepEqual([opened(), pool.stats], [2, { connected: 2, running: 0, pending: 0 }])
    })
  })

  test('takes the connection that was used last, so that those too many grow old', async () => {
    const { answer, release } = held()
    upstream.answer = answer
    await withPool({}, async (pool) => {
      const [first, second] = [ask(pool, { path: '/1' }), ask(pool, { path: '/2' })]
      await until(() => pool.stats.running === 2, 'both to run')
      release()
      release()
      await Promise.all([first.over, second.over])
      const used = new Set<number>()
      upstream.answer = fixed(200)
      for (let count = 0; count < 5; count += 1) {
        await ask(pool).over
        used.add(upstream.requests.at(-1)?.connection ?? -1)
      }
      assert.equal(used.size, 1)
    })
  })

  test('refuses what would wait behind too many', async () => {
    upstream.answer = never
    await withPool({ connections: 1, waiting: 2 }, async (pool) => {
      const asked = Array.from({ length: 4 }, () => ask(pool))
      assert.equal((await asked[3]?.over)?.error?.kind, 'crowded')
      await until(() => pool.stats.running === 1, 'one to run')
      assert.deepEqual(pool.stats, { connected: 1, running: 1, pending: 2 })
      if (asked[1] !== undefined) pool.withdraw(asked[1])
      assert.equal(pool.stats.pending, 1)
    })
  })

  test('gives a turn that is no longer wanted to the next', async () => {
    const { answer, release } = held()
    upstream.answer = answer
    await withPool({ connections: 1 }, async (pool) => {
      const [first, gone, next] = [ask(pool, { path: '/1' }), ask(pool, { path: '/2' }), ask(pool, { path: '/3' })]
      gone.wanted = false
      await until(() => pool.stats.running === 1, 'the first to run')
      release()
      await first.over
      await until(() => next.events.includes('begun'), 'the next')
      release()
      assert.equal((await next.over).body, '/3')
      assert.deepEqual(gone.events, ['begun'])
    })
  })

  test('closes connections that were idle for too long', async () => {
    upstream.answer = fixed(200)
    await withPool({ idle: 100 }, async (pool, opened) => {
      await ask(pool).over
      await until(() => pool.stats.connected === 0, 'the idle one to be closed')
      await ask(pool).over
      assert.equal(opened(), 2)
    })
  })

  test('keeps connections for as long as the service says, less a second', async () => {
    for (const [seconds, kept] of [
      [0, 0],
      [1, 0],
      [3, 1],
    ] as const) {
      upstream.answer = fixed(200, '', [`Keep-Alive: timeout=${seconds}`])
      await withPool({ idle: 1 }, async (pool) => {
        await ask(pool).over
        await new Promise((resolve) => setTimeout(resolve, 600))
        assert.equal(pool.stats.connected, kept, `${seconds} s`)
      })
    }
  })

  test('whose connections serve one request each says so', async () => {
    upstream.answer = fixed(200)
    await withPool({ keeps: false }, async (pool, opened) => {
      for (let count = 1; count <= 3; count += 1) {
        await ask(pool).over
        assert.equal(upstream.requests.at(-1)?.header('connection'), 'close')
        assert.equal(opened(), count)
      }
      await until(() => upstream.open() === 0, 'all of them to be closed')
    })
  })

  test('closes a connection after HEAD, whose body some services send late', async () => {
    upstream.answer = fixed(200, 'abc')
    await withPool({}, async (pool, opened) => {
      assert.equal((await ask(pool, { method: 'HEAD' }).over).body, '')
      assert.equal(upstream.requests.at(-1)?.header('connection'), 'close')
      await ask(pool).over
      assert.equal(opened(), 2)
    })
  })

  test('that closes lets go of the idle now, of the busy after their answer, and still serves who waits', async () => {
    const { answer, release } = held()
    upstream.answer = fixed(200)
    await withPool({ connections: 1 }, async (pool, opened) => {
      await ask(pool).over
      upstream.answer = answer
      const [busy, waits] = [ask(pool, { path: '/1' }), ask(pool, { path: '/2' })]
      await until(() => busy.events.includes('begun'), 'the busy one')
      let closed = false
      const closing = pool.close().then(() => (closed = true))
      release()
      assert.equal((await busy.over).body, '/1')
      await until(() => waits.events.includes('begun'), 'the one that waits')
      assert.equal(closed, false)
      release()
      assert.equal((await waits.over).body, '/2')
      await closing
      assert.deepEqual([opened(), pool.stats.connected], [1, 0])
    })
    await withPool({}, async (pool) => {
      upstream.answer = fixed(200)
      await ask(pool).over
      await pool.close()
      assert.equal(pool.stats.connected, 0)
    })
  })

  test('that is destroyed tells those in line, and those that come later', async () => {
    upstream.answer = never
    await withPool({ connections: 1 }, async (pool) => {
      const [busy, waits] = [ask(pool), ask(pool)]
      await until(() => busy.events.includes('sent'), 'the first to be sent')
      pool.destroy()
      assert.equal((await waits.over).error?.kind, 'unreachable')
      assert.equal((await ask(pool).over).error?.kind, 'unreachable')
      assert.deepEqual(busy.events, ['begun', 'sent'])
      await pool.close()
    })
  })

  test('that is destroyed does not send again what was still to go out', async () => {
    upstream.answer = fixed(200)
    await withPool({}, async (pool, opened) => {
      await ask(pool).over
      const asked = ask(pool) // on a kept connection, at the end of this turn
      pool.destroy()
      assert.equal((await asked.over).error?.kind, 'unreachable')
      assert.equal(opened(), 1)
    })
  })

  test('tells everybody who waits when no connection comes about', async () => {
    await withPool({ port: 1, connections: 1 }, async (pool) => {
      const asked = Array.from({ length: 5 }, () => ask(pool))
      for (const { error } of await Promise.all(asked.map(({ over }) => over))) assert.equal(error?.kind, 'unreachable')
      assert.deepEqual(pool.stats, { connected: 0, running: 0, pending: 0 })
    })
  })

  test('refuses a request that cannot be written down, and keeps the connection', async () => {
    upstream.answer = fixed(200)
    await withPool({}, async (pool, opened) => {
      await ask(pool).over
      const unfit = ask(pool, { fields: ['a', 'b\r\nc: d'] })
      assert.equal((await unfit.over).error?.kind, 'unfit')
      assert.ok(!unfit.events.includes('begun'))
      await ask(pool).over
      assert.equal(opened(), 1)
    })
  })
})
