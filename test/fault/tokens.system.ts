/**
 * More tokens than memory may hold: valid ones without end, then forged ones without end.
 *
 * The base is the same gateway at the same speed, with a thousand tokens that it knows.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { report } from '../support/figures.ts'
import { serve, type LogLine, type TestGateway } from '../support/gateway.ts'
import { startIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { eventually, needs } from '../support/processes.ts'
import { startService } from '../support/service.ts'

const TOKENS = 150_000
const REMEMBERED = 131_072
const FORGED = 1_000_000
const HOT = TOKENS / 100

/** wrk's own language: a list of tokens, asked for in turn, every other time one of the hot ones; `FORGE` makes another signature for each request. */
const SCRIPT = `
local tokens, hot, n = {}, tonumber(os.getenv('HOT')), 0
for line in io.lines(os.getenv('TOKENS')) do tokens[#tokens + 1] = line end
request = function()
  n = n + 1
  local token = tokens[n % #tokens + 1]
  if hot > 0 then token = tokens[math.floor(n / 2) % (n % 2 == 0 and hot or #tokens) + 1] end
  if os.getenv('FORGE') then token = token:sub(1, -13) .. string.format('%012d', n) end
  return wrk.format('GET', '/', { ['Authorization'] = 'Bearer ' .. token })
end
`

suite('tokens without end', { skip: needs('/usr/bin/wrk') }, () => {
  const keep = keeper()
  let gateway: TestGateway
  let folder: string
  const seen = { hot: 0, remembered: 0, refused: 0 }
  const fields = (line: LogLine) => ({ subject: String(line['subject']), cache: line['cache'] })
  let counting = false

  const count = (line: LogLine): boolean => {
    if (line['msg'] !== 'request') return true
    if (line['status'] === 401) seen.refused += 1
    const { subject, cache } = fields(line)
    if (!counting || !subject.startsWith('hot-')) return false
    seen.hot += 1
    if (cache === 'l1') seen.remembered += 1
    return false
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tokens-'))
    const service = keep(await startService((_, answer) => answer.end('ok')))
    const issuer = keep(await startIssuer())
    gateway = keep(
      await serve(
        `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
bad_credentials: off # every forgery shall be checked
upstreams: { service: "${service.url}" }
authenticators: { acme: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } } }
routes: [{ path: "/**", upstream: service, authenticate: [acme] }]
`,
        { keep: count },
      ),
    )
    const exp = Math.floor(Date.now() / 1000) + 3600
    const tokenOf = (index: number) => {
      const name = index < HOT ? `hot-${index}` : `user-${index}`
      const person = { email: `${name}@acme.test`, name: `Person ${index}`, jti: `id-${index}` }
      return issuer.token(name, { exp, ...person, roles: ['reader', 'writer'], scope: 'openid profile orders' })
    }
    const tokens = Array.from({ length: TOKENS }, (_, index) => tokenOf(index))
    writeFileSync(join(folder, 'all'), tokens.join('\n'))
    writeFileSync(join(folder, 'hot'), tokens.slice(0, HOT).join('\n'))
    writeFileSync(join(folder, 'script.lua'), SCRIPT)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const residentMegabytes = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1024

  async function answered(): Promise<number> {
    const counts = (await gateway.metrics()).matchAll(/^heimdall_requests_total\{.*\} (\d+)$/gm)
    return [...counts].reduce((sum, [, value]) => sum + Number(value), 0)
  }

  /** Asks `most` times, and tells the memory at the end and the share of hot tokens that were remembered. */
  async function flood(most: number, env: Readonly<Record<string, string>>) {
    const script = ['-t1', '-c50', '-d600s', '-s', join(folder, 'script.lua'), gateway.url]
    const before = await answered()
    Object.assign(seen, { hot: 0, remembered: 0, refused: 0 })
    const wrk = spawn('wrk', script, { stdio: 'ignore', env: { ...process.env, HOT: '0', ...env } })
    const closed = once(wrk, 'close')
    try {
      await eventually(`${most} answers`, async () => (await answered()) - before >= most, 400_000)
    } finally {
      wrk.kill('SIGINT')
      await closed
    }
    return { rss: residentMegabytes(), hits: seen.hot === 0 ? 0 : seen.remembered / seen.hot, refused: seen.refused }
  }

  test('F18: 150,000 valid tokens and 1,000,000 forged ones take at most 100 MB, and push no busy token out', async () => {
    const base = await flood(80_000, { TOKENS: join(folder, 'hot') })
    counting = true
    const valid = await flood(2 * TOKENS, { TOKENS: join(folder, 'all'), HOT: String(HOT) })
    counting = false
    const half = await flood(FORGED / 2, { TOKENS: join(folder, 'all'), FORGE: 'yes' })
    const forged = await flood(FORGED / 2, { TOKENS: join(folder, 'all'), FORGE: 'yes' })
    report('F18', {
      base_rss_mb: base.rss,
      after_valid_rss_mb: valid.rss,
      after_forged_rss_mb: forged.rss,
      hot_hits_percent: 100 * valid.hits,
    })
    assert.ok(forged.refused > 0.99 * (FORGED / 2), `${forged.refused} were refused`)
    const entries = /^heimdall_cache_entries\{cache="tokens"\} (\d+)$/m.exec(await gateway.metrics())?.[1]
    assert.equal(Number(entries), REMEMBERED)
    assert.ok(valid.hits >= 0.95, `${valid.hits} of the busy tokens were remembered`)
    for (const { rss } of [valid, half, forged])
      assert.ok(rss <= base.rss + 100, `${rss} MB, at the base ${base.rss} MB`)
    assert.ok(forged.rss <= half.rss + 20, `still growing: ${half.rss}, then ${forged.rss} MB`)
  })
})
