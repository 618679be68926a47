/**
 * The fault proxy itself: it breaks what it is told to break, and nothing else.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { suite, test } from 'node:test'

import type { Mode } from '../support/fault-link.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'

/** A connection and what became of it. */
interface Seen {
  readonly socket: Socket
  text: string
  /** `fin`, `ECONNRESET`, … */
  end: string | undefined
}

suite('fault proxy', () => {
  const keep = keeper()

  /** A server that says its name, then what it hears, in front of it a proxy. */
  const start = async (name = '') => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => undefined))
      socket.on('data', (bytes) => socket.write(name + bytes.toString()))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    keep({
      close: () => {
        for (const socket of sockets) socket.destroy()
        return new Promise((resolve) => server.close(resolve))
      },
    })
    const { port } = server.address() as AddressInfo
    return { port, sockets, proxy: keep(await startFaultProxy(port)) }
  }
  const join = ({ port }: FaultProxy): Seen => {
    const seen: Seen = { socket: connect({ port, host: '127.0.0.1', noDelay: true }), text: '', end: undefined }
    seen.socket
      .on('data', (bytes) => (seen.text += bytes.toString()))
      .on('error', (error: NodeJS.ErrnoException) => (seen.end ??= error.code))
      .on('end', () => (seen.end ??= 'fin'))
    keep({ close: () => Promise.resolve(seen.socket.destroy()) })
    return seen
  }
  const hears = (seen: Seen, text: string) => eventually(`hears ${text}`, () => seen.text === text, 2000)
  const ends = (seen: Seen, how: string) => eventually(`ends by ${how}`, () => seen.end === how, 2000)
  const talking = async (proxy: FaultProxy) => {
    const seen = join(proxy)
    seen.socket.write('a')
    await hears(seen, 'a')
    return seen
  }

  test('passes bytes and ends both ways, and counts them', async () => {
    const { proxy } = await start()
    const one = await talking(proxy)
    assert.deepEqual([proxy.accepted, proxy.open, proxy.bytes], [1, 1, { up: 1, down: 1 }])
    one.socket.end()
    await ends(one, 'fin')
    await eventually('closed', () => proxy.open === 0)
  })

  test('refuses, and listens again on the same port', async () => {
    const { proxy } = await start()
    const before = await talking(proxy)
    await proxy.set({ kind: 'refuse' })
    await ends(before, 'ECONNRESET')
    await ends(join(proxy), 'ECONNREFUSED')
    await proxy.set({ kind: 'pass' })
    await talking(proxy)
  })

  test('holds bytes while it hangs, and lets them go afterwards', async () => {
    const { proxy } = await start()
    const one = await talking(proxy)
    await proxy.set({ kind: 'hang' })
    one.socket.write('b')
    await eventually('the byte has arrived', () => proxy.bytes.up === 2)
    assert.equal(one.text, 'a')
    await proxy.set({ kind: 'pass' })
    await hears(one, 'ab')
  })

  test('swallows bytes for good, of new connections as well', async () => {
    const { proxy } = await start()
    const [one, two] = [await talking(proxy), join(proxy)]
    await proxy.set({ kind: 'swallow' })
    for (const { socket } of [one, two]) socket.write('b')
    await eventually('both have arrived', () => proxy.bytes.up === 3)
    await proxy.set({ kind: 'pass' })
    const three = await talking(proxy)
    for (const { socket } of [one, two, three]) socket.write('c')
    await hears(three, 'ac')
    assert.deepEqual([one.text, two.text, one.end, two.end], ['a', '', undefined, undefined])
    one.socket.end()
    await eventually('it leaves nothing behind', () => proxy.open === 2)
  })

  test('swallows answers alone when told so', async () => {
    const { proxy, sockets } = await start()
    const one = await talking(proxy)
    let heard = ''
    for (const socket of sockets) socket.on('data', (bytes) => (heard += bytes.toString()))
    await proxy.set({ kind: 'swallow', way: 'down' })
    one.socket.write('b')
    await eventually('the answer was said', () => proxy.bytes.down === 2)
    assert.deepEqual([heard, one.text], ['b', 'a'])
  })

  test('drops the far end without a word, and passes what comes later', async () => {
    const { proxy, sockets } = await start()
    const one = await talking(proxy)
    await proxy.set({ kind: 'half_open' })
    await eventually('the server has lost it', () => sockets.size === 0)
    one.socket.write('b')
    await talking(proxy)
    assert.deepEqual([one.text, one.end, proxy.open], ['a', undefined, 2])
  })

  test('delays every piece, in order, without adding the delays up', async () => {
    const { proxy } = await start()
    const one = await talking(proxy)
    await proxy.set({ kind: 'delay', ms: 150, jitter: 20 })
    const began = performance.now()
    for (const letter of 'bcdefgh') {
      one.socket.write(letter)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await hears(one, 'abcdefgh')
    const took = performance.now() - began
    assert.ok(took >= 150 && took < 1000, `${took} ms`)
  })

  test('drips, and pours when the mode is over', async () => {
    const { proxy } = await start()
    const one = await talking(proxy)
    await proxy.set({ kind: 'drip', bytes: 1, every: 60 })
    one.socket.write('bcdefghijklmnopqrstuvwxyz')
    await eventually('some is there', () => one.text.length >= 3)
    assert.ok(one.text.length < 20)
    await proxy.set({ kind: 'pass' })
    await hears(one, 'abcdefghijklmnopqrstuvwxyz')
  })

  const cuts: readonly (readonly [string, Mode, string])[] = [
    ['resets', { kind: 'reset', after: 3 }, 'ECONNRESET'],
    ['truncates', { kind: 'truncate', after: 3 }, 'fin'],
  ]
  for (const [what, mode, end] of cuts)
    test(`${what} after so many bytes, each connection for itself`, async () => {
      const { proxy } = await start()
      const [one, two] = [await talking(proxy), await talking(proxy)]
      await proxy.set(mode)
      two.socket.write('b')
      await hears(two, 'ab')
      one.socket.write('bcdef')
      await ends(one, end)
      assert.ok(['a', 'abcd'].includes(one.text), 'a reset may overtake')
      assert.equal(two.end, undefined)
    })

  test('turns answers into garbage, and says what nobody asked for', async () => {
    const { proxy } = await start()
    const one = await talking(proxy)
    await proxy.set({ kind: 'alter', piece: (piece) => `${piece.toString()}!` })
    one.socket.write('b')
    await hears(one, 'ab!')
    proxy.inject('?')
    await hears(one, 'ab!?')
  })

  test('resets what is over its cap, and nothing else', async () => {
    const { proxy } = await start()
    const one = await talking(proxy)
    proxy.cap = 1
    await ends(join(proxy), 'ECONNRESET')
    one.socket.write('b')
    await hears(one, 'ab')
  })

  test('sends new connections elsewhere, and resets when told to', async () => {
    const [{ proxy }, other] = [await start(), await start('other ')]
    const one = await talking(proxy)
    proxy.retarget(other.port)
    const two = join(proxy)
    two.socket.write('b')
    await hears(two, 'other b')
    proxy.reset()
    for (const seen of [one, two]) await ends(seen, 'ECONNRESET')
  })

  test('resets its client when there is no server', async () => {
    const { proxy } = await start()
    proxy.retarget(1)
    await ends(join(proxy), 'ECONNRESET')
  })
})
