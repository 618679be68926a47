/**
 * Names of upstreams that change, fail and hang (F13).
 *
 * The system's resolver tells no TTL, so an answer counts for five seconds. What the system would say comes from a file
 * here (`names-hook.ts`): the hosts file of this machine is not ours.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { longest, startLoad, tally } from '../support/load.ts'
import { sample } from '../support/samples.ts'
import { eventually } from '../support/processes.ts'
import { NO_BREAKER, startFront } from './front.ts'

const HOOK = resolve(import.meta.dirname, '../support/names-hook.ts')
const BOUND = 6000 // milliseconds: five of an answer, and one more

/** Suites of F13. */
export function namesOfUpstreams(): void {
  suite('names of upstreams', () => {
    const keep = keeper()
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-names-'))
    after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'names.json')
    const say = (answer: readonly string[] | 'fails' | 'hangs') =>
      writeFileSync(file, JSON.stringify({ 'service.test': answer }))
    let gateway: TestGateway

    before(async () => {
      let port = 0
      for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
        const server = createServer({ keepAliveTimeout: 5000 }, (_, response) => void response.end(address))
        await new Promise<void>((listening) => server.listen(port, address, listening))
        ;({ port } = server.address() as AddressInfo)
        keep({
          async close() {
            server.closeAllConnections()
            await new Promise((closed) => server.close(closed))
          },
        })
      }
      say(['127.0.0.1'])
      gateway = keep(
        await startFront(
          { up: `{ targets: ["http://service.test:${port}"], ${NO_BREAKER} }` },
          { flags: ['--import', HOOK], env: { HEIMDALL_TEST_NAMES: file } },
        ),
      )
    })

    /** Asks all the time over kept connections while `change` happens, until an answer says `text`; when that was. */
    const during = async (change: () => void, text?: string) => {
      const load = startLoad(gateway.url, () => ({ kind: 'x', path: '/up/x' }), { connections: 10, gap: 10 })
      await eventually('answers', () => load.answers.length > 50)
      change()
      const changed = performance.now()
      if (text === undefined) await eventually('a while passes', () => performance.now() - changed > BOUND, 2 * BOUND)
      else await eventually(`answers of ${text}`, () => load.answers.at(-1)?.text === text, 2 * BOUND)
      const answers = await load.stop()
      assert.deepEqual(tally(answers), { 'x 200': answers.length })
      const first = answers.find((answer) => answer.at > changed && answer.text === text)
      return { answers, took: (first?.at ?? Number.NaN) - changed }
    }
    const unresolved = async () => sample(await gateway.metrics(), 'heimdall_upstream_names_unresolved')
    const linesOf = (msg: string) => gateway.lines.filter((line) => line['msg'] === msg).length

    test('F13: a name that moves takes kept connections along within six seconds, and no request is lost', async () => {
      const { answers, took } = await during(() => say(['127.0.0.2']), '127.0.0.2')
      report('F13', { what: 'moved', took_ms: took, bound_ms: BOUND }, { total: answers.length, failed: 0 })
      assert.ok(took <= BOUND, `took ${took} ms`)
    })

    test('F13: a name that cannot be resolved leaves its last address in use, told once, until it can be again', async () => {
      const { answers } = await during(() => say('fails'))
      assert.equal(answers.at(-1)?.text, '127.0.0.2')
      assert.equal(await unresolved(), 1)
      const back = await during(() => say(['127.0.0.3']), '127.0.0.3')
      assert.equal(await unresolved(), 0)
      await gateway.line((line) => line['msg'] === 'upstream name resolved again')
      assert.equal(linesOf('upstream name cannot be resolved'), 1)
      const total = answers.length + back.answers.length
      report('F13', { what: 'fails', longest_ms: longest(answers), back_ms: back.took }, { total, failed: 0 })
    })

    test('F13: a name that nobody answers for costs a new connection a quarter of a second, once a second', async () => {
      say('hangs')
      const began = performance.now()
      const old = () => performance.now() - began > BOUND
      const connected = async () =>
        sample(await gateway.metrics(), 'heimdall_upstream_connections', { state: 'connected' })
      await eventually(
        'the answer is old and connections are closed',
        async () => old() && (await connected()) === 0,
        2 * BOUND,
      )
      const load = startLoad(gateway.url, () => ({ kind: 'x', path: '/up/x' }), { connections: 10, count: 100 })
      const answers = await load.done
      assert.deepEqual(tally(answers), { 'x 200': 100 })
      assert.equal(await unresolved(), 1)
      report('F13', { what: 'hangs', longest_ms: longest(answers) }, { total: 100, failed: 0 })
      assert.ok(longest(answers) < 1000, `somebody waited ${longest(answers)} ms`)
    })
  })
}
