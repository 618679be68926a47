/**
 * Upstreams that reset connections at every moment of an exchange (F10), and when a connection is used again (F11).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { cutMidBody, fixed, resetBeforeHead, resetMidHead, reused, untilClose } from '../support/answers.ts'
import { outcomeOf, requestBytes } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { connectRaw, type RawClient } from '../support/raw-client.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'
import { NO_BREAKER, startFront } from './front.ts'

const CLIENTS = 25

/** Suites of F10 and F11. */
export function upstreamResets(sizes: { readonly failures: number; readonly races: number }): void {
  suite('upstreams that reset connections', () => {
    const keep = keeper()
    let upstream: Upstream
    let gateway: TestGateway

    before(async () => {
      upstream = keep(await startUpstream(fixed(200, 'ok')))
      gateway = keep(await startFront({ up: `{ targets: ["${upstream.url}"], ${NO_BREAKER} }` }))
    })

    /** Asks so often over as few connections as the answers allow; the outcomes, and how often the upstream was asked. */
    const ask = async (method: string, answer: Answer, count: number) => {
      upstream.answer = answer
      const asked = upstream.requests.length
      const outcomes: Record<string, number> = {}
      let turn = 0
      const client = async () => {
        let connection: RawClient | undefined
        while (turn < count) {
          const target = `/up/${(turn += 1)}`
          const body = method === 'POST' ? 'abc' : ''
          connection ??= await connectRaw(gateway.port)
          connection.send(requestBytes(`${method} ${target}`, {}, body))
          const outcome = await connection
            .response({ method })
            .then(outcomeOf, (error: Error) => error.message.slice(0, 9))
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
          if (connection.ended() !== undefined || outcome === 'truncated') {
            connection.destroy()
            connection = undefined
          }
        }
        connection?.destroy()
      }
      await Promise.all(Array.from({ length: CLIENTS }, client))
      return { outcomes, requests: upstream.requests.slice(asked) }
    }

    const { failures, races } = sizes
    const broken = { [`502 upstream_failed`]: failures }
    const cut = { truncated: failures }
    const whole = { 200: failures }
    const kinds: Record<string, { answer: Answer; method: string; outcomes: Record<string, number>; times: number }> = {
      'before the head, GET': { answer: resetBeforeHead, method: 'GET', outcomes: broken, times: 2 },
      'before the head, DELETE': { answer: resetBeforeHead, method: 'DELETE', outcomes: broken, times: 2 },
      'before the head, POST': { answer: resetBeforeHead, method: 'POST', outcomes: broken, times: 1 },
      'mid head': { answer: resetMidHead, method: 'GET', outcomes: broken, times: 1 },
      'mid body of a length': { answer: cutMidBody('reset'), method: 'GET', outcomes: cut, times: 1 },
      'mid body in chunks': { answer: cutMidBody('reset', 'chunked'), method: 'GET', outcomes: cut, times: 1 },
      'mid body until the close': { answer: untilClose(['a', 'b'], 'reset'), method: 'GET', outcomes: cut, times: 1 },
      'after the last byte': { answer: afterwards(0), method: 'GET', outcomes: whole, times: 1 },
    }
    for (const [when, { answer, method, outcomes: expected, times }] of Object.entries(kinds))
      test(`F10: a reset ${when}: ${Object.keys(expected)[0]}, the upstream is asked ${times === 1 ? 'once' : 'twice'}`, async () => {
        const { outcomes, requests } = await ask(method, answer, failures)
        report('F10', { when, asked: requests.length / failures, outcomes: JSON.stringify(outcomes) })
        assert.deepEqual(outcomes, expected)
        assert.equal(requests.length, failures * times)
      })

    test('F10: a reset while idle costs no GET its answer, and no POST that had not been sent', async () => {
      const get = await ask('GET', afterwards(2), races)
      const post = await ask('POST', afterwards(2), races)
      report(
        'F10',
        { when: 'while idle', post: JSON.stringify(post.outcomes) },
        { total: races, failed: races - (get.outcomes['200'] ?? 0) },
      )
      assert.deepEqual(get.outcomes, { 200: races })
      assert.deepEqual(
        Object.keys(post.outcomes).filter((outcome) => !/^200$|^502 upstream_failed$/.test(outcome)),
        [],
      )
      assert.equal(new Set(post.requests.map(({ target }) => target)).size, post.requests.length, 'sent twice')
    })

    test('F11: no GET is lost when every connection that is used again is reset', async () => {
      const { outcomes, requests } = await ask('GET', reused(fixed(200, 'ok'), resetBeforeHead), races)
      const failed = races - (outcomes['200'] ?? 0)
      report('F11', { method: 'GET', asked_again: requests.length - races }, { total: races, failed })
      assert.deepEqual(outcomes, { 200: races })
    })

    test('F11: no POST is sent twice, and each that fails is told so', async () => {
      const { outcomes, requests } = await ask('POST', reused(fixed(200, 'ok'), resetBeforeHead), races)
      report('F11', { method: 'POST', sent_twice: requests.length - races, outcomes: JSON.stringify(outcomes) })
      assert.deepEqual(Object.keys(outcomes).toSorted(), ['200', '502 upstream_failed'])
      assert.equal(new Set(requests.map(({ target }) => target)).size, races)
      assert.equal(requests.length, races)
    })
  })
}

/** A whole answer, and a reset so many milliseconds later. */
function afterwards(milliseconds: number): Answer {
  return async (request, connection) => {
    await fixed(200, 'whole')(request, connection)
    if (milliseconds > 0) await sleep(milliseconds)
    connection.socket.resetAndDestroy()
  }
}
