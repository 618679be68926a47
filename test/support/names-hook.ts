/**
 * For `node --import`: what the system would say of names comes from a file of the test's instead.
 *
 * `HEIMDALL_TEST_NAMES` is its path, its content JSON: `{ "service.test": ["127.0.0.2"] }`, or `"fails"`, or `"hangs"`.
 *
 * @module
 */
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { env } from 'node:process'

type Answer = readonly string[] | 'fails' | 'hangs'

const original = dns.promises.lookup
const file = env['HEIMDALL_TEST_NAMES'] ?? ''

function lookup(name: string, options: dns.LookupAllOptions): Promise<dns.LookupAddress[]> {
  const answer = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Answer>)[name]
  if (answer === undefined) return original(name, options)
  if (answer === 'hangs') return new Promise(() => {})
  if (answer === 'fails')
    return Promise.reject(Object.assign(new Error(`queryA ESERVFAIL ${name}`), { code: 'ESERVFAIL' }))
  return Promise.resolve(answer.map((address) => ({ address, family: 4 })))
}

Object.assign(dns.promises, { lookup })
syncBuiltinESMExports()
