/**
 * Sentinels that disagree, change their minds, are silent or unknowing: played by ourselves in front of real servers.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { before, suite, test } from 'node:test'

import { connectRedis } from '#stores/redis.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

interface PlayedSentinel {
  readonly port: number
  /** The address that it tells; none when it knows of no such primary, `silent` when it says nothing. */
  tells: readonly [host: string, port: number] | 'unknown' | 'silent'
  /** How often it was asked. */
  readonly asked: number
  close(): Promise<void>
}

/** Answers the one question that matters; everything else is unknown to it (RESP2). */
async function playSentinel(first: PlayedSentinel['tells']): Promise<PlayedSentinel> {
  const sockets = new Set<Socket>()
  const answer = (command: string) => {
    if (!command.includes('get-master-addr-by-name'))
      return command.includes('hello') ? '-ERR unknown command HELLO\r\n' : '+OK\r\n'
    played.asked += 1
    if (played.tells === 'silent') return ''
    if (played.tells === 'unknown') return '*-1\r\n'
    const [host, port] = played.tells
    return `*2\r\n$${host.length}\r\n${host}\r\n$${String(port).length}\r\n${port}\r\n`
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      const commands = bytes
        .toString()
        .toLowerCase()
        .split(/^\*\d+\r\n/m)
        .slice(1)
      socket.write(commands.map(answer).join(''))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const played = {
    port: (server.address() as AddressInfo).port,
    tells: first,
    asked: 0,
    async close() {
      sockets.forEach((socket) => socket.destroy())
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return played
}

suite('a Redis of Sentinels', { skip: noRedis, concurrency: true }, () => {
  const keep = keeper()
  let [one, other]: TestRedis[] = []
  before(async () => {
    one = keep(await startRedis())
    other = keep(await startRedis())
  })

  const at = (server: TestRedis | undefined) => ['127.0.0.1', server?.port ?? 0] as const
  const play = async (...told: PlayedSentinel['tells'][]) => {
    const sentinels = await Promise.all(told.map(async (tells) => keep(await playSentinel(tells))))
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join()
    const store = connectRedis(`redis-sentinel://${hosts}/orders`, { metrics: createMetrics(), log: silent })
    keep({ close: () => Promise.resolve(store.close()) })
    const port = async () => {
      const info = await store.run('info', (client) => client.info('server')).catch(() => '')
      return Number(/tcp_port:(\d+)/.exec(info)?.[1])
    }
    return { store, sentinels, port }
  }
  const askedAgain = async (sentinels: readonly PlayedSentinel[], times: number) => {
    const goal = sentinels.map(({ asked }) => asked + times)
    await eventually('they were asked again', () => sentinels.every(({ asked }, index) => asked >= (goal[index] ?? 0)))
  }

  test('goes where the first Sentinel that answers says', async () => {
    const { store, port } = await play('unknown', 'silent', at(one))
    await eventually('connected', () => store.ready())
    assert.equal(await port(), one?.port)
  })

  test('stays while one Sentinel alone says otherwise, and goes when most do', async () => {
    const { store, sentinels, port } = await play(at(one), at(one), at(one))
    await eventually('connected', () => store.ready())
    const [first, second] = sentinels
    if (first === undefined || second === undefined) throw new Error('no Sentinels')
    first.tells = at(other)
    await askedAgain(sentinels, 2)
    assert.equal(await port(), one?.port)
    second.tells = at(other)
    await eventually('it has moved', async () => (await port()) === other?.port)
    await askedAgain(sentinels, 2)
    assert.equal(await port(), other?.port)
  })

  test('stays where it is when the Sentinels know nothing any more', async () => {
    const { store, sentinels, port } = await play(at(one), at(one))
    await eventually('connected', () => store.ready())
    for (const sentinel of sentinels) sentinel.tells = 'unknown'
    await askedAgain(sentinels, 2)
    assert.equal(await port(), one?.port)
  })

  test('follows a name that changes', async () => {
    const { store, sentinels, port } = await play(['localhost', one?.port ?? 0])
    await eventually('connected', () => store.ready())
    await askedAgain(sentinels, 1)
    assert.equal(await port(), one?.port)
    for (const sentinel of sentinels) sentinel.tells = ['localhost', other?.port ?? 0]
    await eventually('it has moved', async () => (await port()) === other?.port)
  })

  test('waits for Sentinels that are not there yet, and ends at once', async () => {
    const { store, sentinels } = await play('silent', 'unknown')
    const begin = performance.now()
    await assert.rejects(
      store.run('ping', (client) => client.ping()),
      /not connected/,
    )
    assert.ok(performance.now() - begin < 50)
    for (const sentinel of sentinels) sentinel.tells = at(one)
    await eventually('connected', () => store.ready())
  })
})
