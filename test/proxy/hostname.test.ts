import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'

import { Hostname } from '#proxy/hostname.ts'
import { silent } from '#telemetry/log.ts'

import { startForwarder } from '../support/forwarder.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { until } from '../support/wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A resolver of the test's: what it says may be changed, be an error, or never come. */
function createZone(...addresses: string[]) {
  const zone = {
    addresses,
    fault: undefined as Error | 'hangs' | undefined,
    asked: 0,
    resolve: (): Promise<LookupAddress[]> => {
      zone.asked += 1
      if (zone.fault === 'hangs') return new Promise(() => {})
      if (zone.fault !== undefined) return Promise.reject(zone.fault)
      return Promise.resolve(zone.addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
    },
  }
  return zone
}

/** The name, what it told, and one look-up as `net.connect` makes it. */
function follow(zone: ReturnType<typeof createZone>, freshFor = 0) {
  const told: string[] = []
  const name = new Hostname('service.test', {
    resolve: zone.resolve,
    freshFor,
    moved: (addresses) => void told.push(`moved ${addresses.join(' ')}`),
    failing: (error) => void told.push(error === undefined ? 'resolved' : error.message),
  })
  const find = () =>
    new Promise<string>((resolve, reject) => {
      name.lookup('service.test', { all: true }, (error, found) => {
        if (error !== null) reject(error)
        else
          resolve(
            [found]
              .flat()
              .map((one) => (typeof one === 'string' ? one : one.address))
              .join(' '),
          )
      })
    })
  return { name, told, find }
}

suite('the name of a target', () => {
  test('is asked for once while its answer is fresh, and gives each connection another address first', async () => {
    const zone = createZone('10.0.0.1', '10.0.0.2', '::1')
    const { find, told } = follow(zone, 5000)
    assert.equal(await find(), '10.0.0.1 10.0.0.2 ::1')
    assert.equal(await find(), '10.0.0.2 10.0.0.1 ::1')
    assert.equal(await find(), '10.0.0.1 10.0.0.2 ::1')
    assert.deepEqual([zone.asked, told], [1, []])
  })

  test('is asked for once by everybody who waits', async () => {
    const zone = createZone('10.0.0.1')
    const { find } = follow(zone)
    await Promise.all([find(), find(), find()])
    assert.equal(zone.asked, 1)
  })

  test('gives one address to whoever wants one', async () => {
    const { name } = follow(createZone('10.0.0.1'))
    const found = await new Promise((resolve) =>
      name.lookup('service.test', {}, (error, address, family) => resolve([error, address, family])),
    )
    assert.deepEqual(found, [null, '10.0.0.1', 4])
  })

  test('tells of a move to other addresses at once', async () => {
    const zone = createZone('10.0.0.1')
    const { find, told } = follow(zone)
    await find()
    zone.addresses = ['10.0.0.2']
    assert.equal(await find(), '10.0.0.2')
    zone.addresses = ['10.0.0.3', '10.0.0.4']
    await find()
    assert.deepEqual(told, ['moved 10.0.0.2', 'moved 10.0.0.3 10.0.0.4'])
  })

  test('tells of an address that leaves among others, but not again and again', async () => {
    const zone = createZone('10.0.0.1', '10.0.0.2')
    const { find, told } = follow(zone)
    for (const addresses of [
      ['10.0.0.2', '10.0.0.3'],
      ['10.0.0.3', '10.0.0.4'],
      ['10.0.0.4', '10.0.0.5'],
      ['10.0.0.5'],
    ]) {
      await find()
      zone.addresses = addresses
    }
    await find()
    assert.deepEqual(told, ['moved 10.0.0.2 10.0.0.3'])
  })

  test('tells nothing of one that joins', async () => {
    const zone = createZone('10.0.0.1')
    const { find, told } = follow(zone)
    await find()
    zone.addresses = ['10.0.0.2', '10.0.0.1']
    assert.equal(await find(), '10.0.0.1 10.0.0.2', 'whose turn it is')
    assert.deepEqual(told, [])
  })

  test('keeps its last good answer while there is no newer, and tells each change once', async () => {
    const zone = createZone('10.0.0.1')
    const { name, find, told } = follow(zone)
    await find()
    zone.fault = new Error('ESERVFAIL')
    for (let count = 0; count < 3; count += 1) assert.equal(await find(), '10.0.0.1')
    assert.equal(zone.asked, 2, 'asked again at once after a failure')
    assert.equal(name.failing, true)
    zone.fault = undefined
    await until(() => {
      name.look()
      return !name.failing
    }, 'the name to be resolved again')
    assert.deepEqual(told, ['ESERVFAIL', 'resolved'])
  })

  test('keeps its last good answer when nobody answers, with one question on its way', async () => {
    const zone = createZone('10.0.0.1')
    const { find, told } = follow(zone)
    await find()
    zone.fault = 'hangs'
    const began = performance.now()
    assert.deepEqual(await Promise.all([find(), find()]), ['10.0.0.1', '10.0.0.1'])
    assert.ok(performance.now() - began < 400, 'waited for too long')
    for (let count = 0; count < 20; count += 1) await find()
    assert.ok(performance.now() - began < 600, 'every connection waited')
    assert.deepEqual([zone.asked, told], [2, ['no answer within 250 ms']])
  })

  test('without any answer is an error, and asked for anew by the next', async () => {
    const zone = createZone('10.0.0.1')
    const { find } = follow(zone)
    zone.fault = new Error('ENOTFOUND')
    await assert.rejects(find(), /ENOTFOUND/)
    zone.fault = undefined
    assert.equal(await find(), '10.0.0.1')
  })
})

suite('forward, a target with a name', () => {
  const keep = keeper()

  /** Two servers on one port of two addresses, which answer with their address, slowly when asked to. */
  const start = async () => {
    const servers = ['127.0.0.1', '127.0.0.2'].map((address) => ({
      address,
      sockets: 0,
      server: createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
        if (request.url === '/slow') response.write('slow, ')
        setTimeout(() => response.end(address), request.url === '/slow' ? 600 : 0)
      }),
    }))
    let port = 0
    for (const one of servers) {
      one.server.on('connection', (socket) => {
        one.sockets += 1
        socket.on('close', () => (one.sockets -= 1))
      })
      await new Promise<void>((resolve) => one.server.listen(port, one.address, resolve))
      ;({ port } = one.server.address() as AddressInfo)
      keep({
        close: async () => {
          one.server.closeAllConnections()
          one.server.close()
        },
      })
    }
    const zone = createZone('127.0.0.1')
    const lines: string[] = []
    const note = (_: unknown, message: string) => void lines.push(message)
    const log = { ...silent, info: note, warn: note }
    const names = { resolve: zone.resolve, freshFor: 100, log }
    const own = keep(await startForwarder({ upstream: `http://service.test:${port}`, names }))
    return { own, zone, servers, lines }
  }

  test('moves with its name: kept connections end, answers under way do not', async () => {
    const { own, zone, servers, lines } = await start()
    const ask = async () => (await exchange(own.port, GET)).text
    const slow = await connectRaw(own.port)
    slow.send(GET.replace('/', '/slow'))
    await slow.until('slow, ')
    assert.equal(await ask(), '127.0.0.1')
    zone.addresses = ['127.0.0.2']
    await eventually('the next connection goes elsewhere', async () => (await ask()) === '127.0.0.2')
    await until(() => servers[0]?.sockets === 1, 'the idle connection to end')
    assert.equal((await slow.response()).text, 'slow, 127.0.0.1')
    await until(() => servers[0]?.sockets === 0, 'the busy connection to end after its answer')
    assert.deepEqual(lines, ['upstream target moved'])
    slow.destroy()
  })

  test('is resolved the same way for tunnels', async () => {
    const { own, servers } = await start()
    servers[0]?.server.on('upgrade', (_request, socket) =>
      socket.end('HTTP/1.1 418 Found me\r\nContent-Length: 0\r\n\r\n'),
    )
    const headers = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    assert.equal((await exchange(own.port, `GET / HTTP/1.1\r\nHost: a\r\n${headers}${key}\r\n`)).status, 418)
  })

  test('is served at its last address while its name cannot be resolved, which the metrics show', async () => {
    const { own, zone, lines } = await start()
    const unresolved = async () =>
      (await own.metrics.registry.metrics()).includes('heimdall_upstream_names_unresolved{upstream="test"} 1')
    assert.equal((await exchange(own.port, GET)).text, '127.0.0.1')
    assert.equal(await unresolved(), false)
    zone.fault = new Error('ESERVFAIL')
    await eventually('the name fails', async () => (await exchange(own.port, GET), lines.length > 0))
    assert.equal((await exchange(own.port, GET)).text, '127.0.0.1')
    assert.equal(await unresolved(), true)
    zone.fault = undefined
    await eventually('the name is resolved', async () => (await exchange(own.port, GET), lines.length > 1))
    assert.deepEqual(lines, ['upstream name cannot be resolved', 'upstream name resolved again'])
    assert.equal(await unresolved(), false)
  })
})
