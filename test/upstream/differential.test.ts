/**
 * Our reading of answers held against undici's, over real sockets: what both accept they must understand alike,
 * and what undici refuses we refuse. Where we refuse more, the reason is one of a list.
 *
 * @module
 */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { Pool as Oracle } from 'undici'

import { Pool } from '#upstream/pool.ts'

import { answerBytes } from '../support/answer-bytes.ts'
import { Recorded } from '../support/exchange.ts'

/** Why we refuse what undici lets pass. */
const STRICTER = new Set([
  'a transfer coding other than chunked', // which would end at us
  'two statements of the length', // undici believes the last of two codings
  '101 to a request without upgrade',
  'a control character in the reason',
  'a malformed chunk extension',
])
/** Line ends before a status line, which undici skips. */
const EMPTY_LINES = /(?:^|\r\n\r\n)[\r\n]+HTTP/
/** What undici refuses for no reason: a length followed by a space, which it takes for a digit; a 100, which it did not ask for. */
const HARMLESS = /^content-length:[\t ]*\d+[\t ]+\r$|^HTTP\/1\.1 100 /im

/** An answer, without what only one of the two tells. */
interface Heard {
  readonly status: number
  readonly fields: Record<string, string[]>
  readonly body: string
  readonly trailers: Record<string, string[]>
}

suite('answers as undici understands them', () => {
  let server: Server
  let ours: Pool
  let oracle: Oracle
  let bytes = Buffer.alloc(0)

  before(async () => {
    server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(bytes))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const origin = { host: '127.0.0.1', port, tls: undefined, lookup: undefined, timeout: 1000 }
    ours = new Pool({ origin, connections: 1, waiting: 10, keeps: true })
    oracle = new Oracle(`http://127.0.0.1:${port}`, { connections: 1, pipelining: 1, maxHeaderSize: 65536 })
  })
  after(async () => {
    ours.destroy()
    await oracle.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  const askOurs = async (method: string): Promise<Heard | string> => {
    const exchange = new Recorded({ method })
    ours.send(exchange)
    const { status, fields, body, trailers, error } = await exchange.over
    return error === undefined ? { status, fields: grouped(fields), body, trailers: grouped(trailers) } : error.message
  }

  const askOracle = (method: string): Promise<Heard | string> =>
    new Promise((resolve) => {
      const heard = { status: 0, fields: {}, parts: [] as Buffer[] }
      oracle.dispatch(
        { method, path: '/' },
        {
          onRequestStart() {},
          onResponseStart(_controller, status, headers) {
            if (status >= 200) Object.assign(heard, { status, fields: listed(headers) })
          },
          onResponseData(_controller, chunk) {
            heard.parts.push(chunk)
          },
          onResponseEnd(_controller, trailers) {
            const { status, fields, parts } = heard
            resolve({ status, fields, body: Buffer.concat(parts).toString('latin1'), trailers: listed(trailers) })
          },
          onResponseError(_controller, error) {
            resolve(error.message)
          },
        },
      )
    })

  test('are understood alike, or refused by us', async () => {
    const seen = { alike: 0, refused: 0, stricter: 0, milder: 0 }
    await fc.assert(
      fc.asyncProperty(answerBytes, fc.constantFrom('GET', 'GET', 'GET', 'HEAD'), async (text, method) => {
        bytes = Buffer.from(text, 'latin1')
        const [our, its] = [await askOurs(method), await askOracle(method)]
        if (typeof our === 'object' && typeof its === 'string' && HARMLESS.test(text)) seen.milder += 1
        else if (typeof our === 'object') {
          seen.alike += 1
          assert.deepEqual(our, its, 'understood otherwise, or by us alone')
        } else if (typeof its === 'string') seen.refused += 1
        else {
          seen.stricter += 1
          assert.ok(STRICTER.has(our) || EMPTY_LINES.test(text), `undici accepts: ${our}`)
        }
      }),
      { numRuns: 2500 },
    )
    assert.ok(seen.alike > 500 && seen.refused > 300, JSON.stringify(seen))
  })
})

function grouped(fields: readonly string[]): Record<string, string[]> {
  const lists: Record<string, string[]> = Object.create(null)
  for (let index = 0; index < fields.length; index += 2)
    (lists[fields[index] ?? ''] ??= []).push(fields[index + 1] ?? '')
  return { ...lists }
}

function listed(headers: object): Record<string, string[]> {
  const lists: Record<string, string[]> = Object.create(null)
  for (const [name, value] of Object.entries(headers))
    lists[name] = [value].flat().map((one) => String(one).replace(/[\t ]+$/, '')) // undici leaves tabs
  return { ...lists }
}
