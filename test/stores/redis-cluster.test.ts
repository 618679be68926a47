import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { connectRedis } from '#stores/redis.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { eventually } from '../support/processes.ts'
import { bulk, startRespServer } from '../support/resp-server.ts'

const range = (from: string, to: string, node: string) => `*1\r\n*3\r\n${from}${to}${node}`
const at = (port: number) => `*2\r\n${bulk('127.0.0.1')}:${port}\r\n`

suite('the map of a Cluster', () => {
  let port = 0
  const maps: [what: string, map: () => string][] = [
    ['nothing', () => '*-1\r\n'],
    ['no range', () => '*1\r\n:5\r\n'],
    ['a range without an end', () => '*1\r\n*1\r\n:0\r\n'],
    ['no node', () => range(':0\r\n', ':16383\r\n', '*-1\r\n')],
    ['slots without end', () => range(':0\r\n', ':999999999999\r\n', at(port))],
    ['slots below the first', () => range(':-5\r\n', ':16383\r\n', at(port))],
    ['slots that are texts', () => range(bulk('a'), bulk('b'), at(port))],
    ['a host that is a number', () => range(':0\r\n', ':16383\r\n', '*2\r\n:1\r\n:1\r\n')],
    ['a port above all', () => range(':0\r\n', ':16383\r\n', `*2\r\n${bulk('127.0.0.1')}:99999999\r\n`)],
  ]

  for (const [what, map] of maps)
    test(`of ${what} is not believed, and ends nothing`, async (t) => {
      const server = await startRespServer((command) => (command === 'cluster slots' ? map() : undefined))
      port = server.port
      t.after(() => server.stop())
      const store = connectRedis(`redis-cluster://127.0.0.1:${port}`, { metrics: createMetrics(), log: silent })
      t.after(() => store.close())
      const asked = () => server.commands.filter((command) => command === 'cluster slots').length
      await eventually('it was asked twice', () => asked() > 1)
      assert.equal(store.ready(), false)
    })

  test('is believed when it is one', async (t) => {
    const server = await startRespServer((command) =>
      command === 'cluster slots' ? range(':0\r\n', ':16383\r\n', at(port)) : undefined,
    )
    port = server.port
    t.after(() => server.stop())
    const store = connectRedis(`redis-cluster://127.0.0.1:${port}`, { metrics: createMetrics(), log: silent })
    t.after(() => store.close())
    await eventually('it is whole', () => store.ready())
  })
})
