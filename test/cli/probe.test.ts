import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import type { Io } from '#cli/command.ts'
import { run } from '#cli/run.ts'

import { startFortress, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'

/** Runs the command in this process. */
async function heimdall(args: readonly string[], env: Io['env'] = {}) {
  const printed: { out: string[]; err: string[] } = { out: [], err: [] }
  const signals = () => {
    throw new Error('the probe heeds no signals')
  }
  const io: Io = {
    out: (line) => void printed.out.push(line),
    err: (line) => void printed.err.push(line),
    env,
    clock: Date.now,
    signals,
  }
  const code = await run(['probe', ...args], io)
  return { code, out: printed.out.join('\n'), err: printed.err.join('\n') }
}

suite('heimdall probe', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  test('prints JSON, takes the token from the environment, and tells what it was given no path for', async () => {
    const token = fortress.issuer.token('alice')
    const args = [`${fortress.gateway.url}/public/x`, '--protected', '/admin/x', '--json']
    const { code, out, err } = await heimdall(args, { HEIMDALL_PROBE_TOKEN: token })
    assert.equal(code, 0, err)
    const report = JSON.parse(out) as { fell: number; cases: { id: string; forms: { kind: string; note: string }[] }[] }
    const formsOf = (id: string) => report.cases.find((one) => one.id === id)?.forms ?? []
    assert.equal(report.fell, 0)
    assert.ok(formsOf('H5').every(({ kind, note }) => kind === 'unjudged' && note === 'give --echo'))
    assert.ok(formsOf('J1').every(({ kind }) => kind === 'held'))
    assert.ok(!out.includes(token.split('.')[2] ?? ''))
  })

  test('says which path does not answer as it must', async () => {
    const { code, err } = await heimdall([`${fortress.gateway.url}/public/x`, '--protected', '/public/y'])
    assert.equal(code, 2)
    assert.match(err, /the protected path, without a token, \/public\/y answers 200/)
  })

  for (const [what, args, message] of [
    ['no URL', [], /name the http:\/\/ or https:\/\/ URL/],
    ['another scheme', ['ftp://127.0.0.1/'], /name the http:\/\/ or https:\/\/ URL/],
    ['a user in the URL', ['http://a:b@127.0.0.1/'], /must not hold a user/],
    ['a path without a slash', ['http://127.0.0.1/', '--protected', 'me'], /a path begins with a slash/],
    ['a token of two lines', ['http://127.0.0.1/', '--token', 'a\r\nX: y'], /the token has blanks/],
    ['a name that is none', ['http://127.0.0.1/', '--identity', 'X-User: y'], /--identity takes names/],
    ['another host', ['http://192.0.2.1/'], /--i-own-this/],
    ['every address of the machine', ['http://0.0.0.0/'], /--i-own-this/],
    ['a port where nobody is', ['http://127.0.0.1:9/'], /ECONNREFUSED/],
  ] as const)
    test(`refuses ${what}`, async () => {
      const { code, out, err } = await heimdall(args)
      assert.equal(code, 2)
      assert.equal(out, '')
      assert.match(err, message)
    })
})
