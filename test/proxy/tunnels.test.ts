import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, Socket, type AddressInfo } from 'node:net'
import { after, suite, test } from 'node:test'

import { closeFrame } from '#proxy/frames.ts'
import { createTunnels, type TunnelOptions } from '#proxy/tunnels.ts'
import { deny, passed, type Deny, type Verdict } from '#request/verdict.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { until } from '../support/wire.ts'

const FAST = { tick: 2, every: 10, silence: 5000 }
const revoked = deny('invalid_session', 'the session was ended')
const away = deny('store_unavailable', 'the session cannot be looked up')

const server = createServer({ allowHalfOpen: true })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
after(() => server.close())

/** Two ends of one connection: ours, and the peer's with what it has received. */
async function pair() {
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as AddressInfo
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [ours] = await accepted
  let received = Buffer.alloc(0)
  peer.on('data', (chunk) => (received = Buffer.concat([received, chunk])))
  peer.on('error', () => {})
  ours.on('error', () => {})
  return { ours, peer, received: () => received }
}

/** An open tunnel: a client and a service, joined. */
async function joined(again: TunnelOptions['again'] = () => passed, rhythm = FAST, clock = () => 0) {
  const metrics = createMetrics()
  const errors: unknown[] = []
  const log = { ...silent, error: (fields: unknown) => void errors.push(fields) }
  const tunnels = createTunnels({ metrics, log, clock, rhythm })
  const [client, service] = [await pair(), await pair()]
  const ends: (Deny | undefined)[] = []
  const open = (expiresAt?: number) => {
    client.ours.pipe(service.ours).pipe(client.ours)
    const ended = (denial: Deny | undefined) => void ends.push(denial)
    tunnels.open({ client: client.ours, upstream: service.ours, expiresAt, again, ended })
  }
  const reasons = async () => (await metrics.tunnelsClosed.get()).values.map(({ labels }) => labels.reason)
  const openNow = async () => (await metrics.tunnels.get()).values[0]?.value
  return { tunnels, client, service, ends, open, reasons, openNow, errors }
}

suite('an open tunnel', () => {
  test('has its turn when many ask and answers are slow', async (t) => {
    const asked = new Map<number, number>()
    const waiting: ((verdict: Verdict<unknown>) => void)[] = []
    const tunnels = createTunnels({ metrics: createMetrics(), log: silent, clock: () => 0, rhythm: FAST })
    t.after(() => tunnels.drain())
    for (let name = 0; name < 200; name += 1) {
      const again = () => {
        asked.set(name, (asked.get(name) ?? 0) + 1)
        return new Promise<Verdict<unknown>>((resolve) => waiting.push(resolve))
      }
      const [client, upstream] = [new Socket(), new Socket()]
      tunnels.open({ client, upstream, expiresAt: undefined, again, ended: () => {} })
    }
    for (let round = 0; round < 12 && asked.size < 200; round += 1) {
      await until(() => waiting.length > 0, 'questions')
      await new Promise((resolve) => setTimeout(resolve, 3 * FAST.every)) // the first would ask again by now
      for (const answer of waiting.splice(0)) answer(passed)
    }
    assert.equal(asked.size, 200, 'every one was asked')
  })

  test('stays while its handshake would be let through, asking again and again', async () => {
    let asked = 0
    const { open, ends, client, service, tunnels } = await joined(() => {
      asked += 1
      return asked % 2 === 0 ? passed : Promise.resolve(passed)
    })
    open()
    await until(() => asked > 5, 'several questions')
    assert.deepEqual(ends, [])
    client.peer.write('hello')
    await until(() => service.received().includes('hello'), 'the tunnel to carry')
    tunnels.drain()
  })

  test('ends with the refusal of its handshake: the client reads why, the service is left', async () => {
    let verdict: Verdict<unknown> = passed
    const { open, ends, client, service, reasons, openNow } = await joined(() => verdict)
    open()
    assert.equal(await openNow(), 1)
    service.peer.write(Buffer.from([0x81, 2, 0x68, 0x69]))
    await until(() => client.received().length === 4, 'a frame')
    verdict = revoked
    await until(() => ends.length === 1, 'the end')
    assert.deepEqual(ends, [revoked])
    assert.deepEqual(await reasons(), ['refused'])
    assert.equal(await openNow(), 0)
    await until(() => client.peer.readableEnded, 'the end at the peer')
    assert.deepEqual(client.received().subarray(4), closeFrame(1008))
    await until(() => service.peer.readableEnded || service.peer.destroyed, 'the service to hear of it')
    client.peer.end()
  })

  test('ends without a word in the middle of a frame, and behind the last one', async () => {
    for (const bytes of [Buffer.from([0x81, 5, 0x68]), closeFrame(1000)]) {
      let verdict: Verdict<unknown> = passed
      const { open, ends, client, service } = await joined(() => verdict)
      open()
      service.peer.write(bytes)
      await until(() => client.received().length === bytes.length, 'the bytes')
      verdict = revoked
      await until(() => ends.length === 1, 'the end')
      await until(() => client.peer.readableEnded || client.peer.destroyed, 'the client to hear of it')
      assert.deepEqual(client.received(), bytes)
    }
  })

  test('cuts a client that does not take its leave', async () => {
    const { open, client, tunnels } = await joined()
    open()
    tunnels.drain()
    await until(() => client.peer.readableEnded, 'the end at the peer')
    assert.deepEqual(client.received(), closeFrame(1001))
    client.peer.write('more and more') // and never a FIN
    await until(() => client.ours.destroyed, 'the cut', 3000)
  })

  test('outlives a store that is away for a while, and ends when nobody could tell six times in a row', async () => {
    let verdict: Verdict<unknown> = away
    let asked = 0
    const { open, ends, reasons, client } = await joined(() => {
      asked += 1
      return asked === 5 ? passed : Promise.resolve(verdict)
    })
    open()
    await until(() => asked > 8, 'questions')
    assert.deepEqual(ends, [])
    verdict = away
    await until(() => ends.length === 1, 'the end')
    assert.equal(asked, 11)
    assert.deepEqual(ends, [away])
    assert.deepEqual(await reasons(), ['unproved'])
    await until(() => client.received().equals(closeFrame(1013)), 'the close frame')
    client.peer.end()
  })

  test('counts a defect as no answer, and tells of it', async () => {
    const { open, ends, errors } = await joined(() => {
      throw new TypeError('a defect')
    })
    open()
    await until(() => ends.length === 1, 'the end')
    assert.deepEqual(ends, [undefined])
    assert.equal(errors.length, 6)
  })

  test('ends with its credential on the clock', async () => {
    let now = 1000
    const { open, ends, reasons, client } = await joined(
      () => passed,
      FAST,
      () => now,
    )
    open(2000)
    now = 1999
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(ends, [])
    now = 2000
    await until(() => ends.length === 1, 'the end')
    assert.deepEqual(await reasons(), ['expired'])
    await until(() => client.received().equals(closeFrame(1008)), 'the close frame')
    client.peer.end()
  })

  test('asks one question at a time, and not at once', async () => {
    const answers: ((verdict: Verdict<unknown>) => void)[] = []
    const { open, ends } = await joined(() => new Promise((resolve) => answers.push(resolve)), {
      ...FAST,
      tick: 1,
      every: 50,
    })
    const began = performance.now()
    open()
    await until(() => answers.length > 0, 'the first question')
    assert.ok(performance.now() - began >= 24, 'half a period at the least')
    await new Promise((resolve) => setTimeout(resolve, 120))
    assert.equal(answers.length, 1)
    answers[0]?.(revoked)
    await until(() => ends.length === 1, 'the end')
  })

  test('hears no answer that comes after its end', async () => {
    const answers: ((verdict: Verdict<unknown>) => void)[] = []
    const { open, ends, tunnels, reasons } = await joined(() => new Promise((resolve) => answers.push(resolve)))
    open()
    await until(() => answers.length > 0, 'a question')
    tunnels.drain()
    answers[0]?.(revoked)
    await new Promise(setImmediate)
    assert.deepEqual(ends, [undefined])
    assert.deepEqual(await reasons(), ['drain'])
  })
})

suite('the ends of a tunnel', () => {
  const STEP = 32 * 1024

  for (const first of ['client', 'service'] as const)
    test(`${first} first: what the other says after that arrives, to the last byte, also at a slow reader`, async () => {
      const { open, ends, reasons, client, service } = await joined()
      open()
      const [ending, other] = first === 'client' ? [client, service] : [service, client]
      ending.peer.end('last words')
      await until(() => other.received().toString() === 'last words', 'the last words')
      await until(() => other.peer.readableEnded, 'the end of its half')
      assert.deepEqual(ends, [])
      ending.peer.pause()
      let said = 0
      for (; ending.ours.writableLength === 0; said += STEP) {
        other.peer.write(Buffer.alloc(STEP, 'x'))
        await until(() => ending.ours.bytesWritten === said + STEP, 'the next bytes')
      }
      other.peer.end()
      await until(() => ends.length === 1, 'the end')
      ending.peer.resume()
      await until(() => ending.peer.readableEnded, 'the end at the peer')
      assert.equal(ending.received().length, said)
      assert.deepEqual(await reasons(), [first === 'client' ? 'client' : 'upstream'])
    })

  for (const first of ['client', 'service'] as const)
    test(`a reset by the ${first} ends the other at once`, async () => {
      const { open, ends, client, service } = await joined()
      open()
      const [ending, other] = first === 'client' ? [client, service] : [service, client]
      ending.peer.resetAndDestroy()
      await until(() => ends.length === 1, 'the end')
      await until(() => other.peer.readableEnded || other.peer.destroyed, 'the other to hear of it', 500)
    })

  for (const first of ['client', 'service'] as const)
    test(`does not wait for ever where the ${first} has ended and the other says nothing: it may be long gone`, async () => {
      const { open, ends, client, service } = await joined(() => passed, { ...FAST, silence: 300 })
      open()
      const [ending, other] = first === 'client' ? [client, service] : [service, client]
      ending.peer.end()
      ending.peer.resume()
      for (let words = 0; words < 8; words += 1) {
        other.peer.write('x')
        await until(() => ending.received().length === words + 1, 'the words')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      assert.deepEqual(ends, [], 'as long as something moves')
      await until(() => ends.length === 1, 'the end', 2000)
      await until(() => ending.peer.readableEnded, 'the end at its peer')
    })
})
