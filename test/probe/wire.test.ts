import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { converse } from '#probe/wire.ts'

import { fixed, never, raw, resetBeforeHead } from '../support/answers.ts'
import { certify, noOpenssl } from '../support/certificates.ts'
import { keeper } from '../support/keeper.ts'
import { startUpstream, type Answer } from '../support/upstream.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

suite('the wire', () => {
  const keep = keeper()
  const talk = async (answer: Answer, patience = { first: 2000, more: () => 0 }, text = GET) => {
    const { port } = keep(await startUpstream(answer))
    const { answers, ...rest } = await converse({ address: '127.0.0.1', port, tls: undefined }, text, patience)
    return { ...rest, statuses: answers.map(({ status }) => status) }
  }
  const quiet = { garbled: false, partial: false, silent: false }

  test('leaves with the first answer when nothing more is of interest', async () => {
    assert.deepEqual(await talk(raw(OK)), { ...quiet, statuses: [200], end: 'open' })
  })

  test('waits for what else comes', async () => {
    assert.deepEqual(await talk(raw(OK + OK, 'end'), { first: 2000, more: () => 2000 }), {
      ...quiet,
      statuses: [200, 200],
      end: 'closed',
    })
  })

  test('is not silent for ever', async () => {
    const began = performance.now()
    assert.deepEqual(await talk(never, { first: 50, more: () => 0 }), {
      ...quiet,
      silent: true,
      statuses: [],
      end: 'open',
    })
    assert.ok(performance.now() - began < 1500)
  })

  test('tells a reset', async () => {
    assert.deepEqual(await talk(resetBeforeHead), { ...quiet, silent: true, statuses: [], end: 'reset' })
  })

  test('reads no more than a mebibyte', async () => {
    const endless: Answer = (_, { socket }) => {
      const more = () => void (socket.destroyed || (socket.write(Buffer.alloc(65_536, 'x')), setImmediate(more)))
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n')
      more()
    }
    assert.deepEqual((await talk(endless)).statuses, [])
  })

  test('takes nonsense for an answer that is none', async () => {
    assert.equal((await talk(raw('SSH-2.0-x\r\n\r\n'))).garbled, true)
  })

  test('says that nobody is there', async () => {
    const upstream = await startUpstream(never)
    await upstream.close()
    await assert.rejects(
      converse({ address: '127.0.0.1', port: upstream.port, tls: undefined }, GET, { first: 9, more: () => 0 }),
    )
  })

  suite('over TLS', { skip: noOpenssl }, () => {
    test('sends nothing to who has no certificate to be believed', async () => {
      const upstream = keep(await startUpstream(fixed(200), { tls: certify('IP:127.0.0.1') }))
      const place = { address: '127.0.0.1', port: upstream.port, tls: '127.0.0.1' }
      await assert.rejects(converse(place, GET, { first: 2000, more: () => 0 }), /certificate/)
      assert.equal(upstream.requests.length, 0)
    })
  })
})
