/**
 * A gateway as a sidecar's user would start it: a hundred routes, one issuer whose keys are in a file, nothing else.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

import { FLAGS } from '../../test/support/flags.ts'
import { freePort, kill } from '../../test/support/processes.ts'
import { newSigner, token } from '../../test/support/tokens.ts'
import { processorTime } from '../usage.ts'

const MAIN = join(import.meta.dirname, '../../src/main.ts')
const ISSUER = 'https://id.bench.test'
const DEADLINE = 20_000 // milliseconds a start may take
const MIB = 1024 // of the kB that Linux tells

/** What all starts have in common. */
export interface World {
  readonly folder: string
  readonly file: string
  readonly port: number
  readonly probes: number
  /** Good for an hour. */
  readonly token: string
}

/** Writes the file and the keys. @param upstream port of the service */
export async function prepare(folder: string, upstream: number): Promise<World> {
  const [port, probes, signer] = [await freePort(), await freePort(), newSigner('RS256', 'bench')]
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: ISSUER, aud: 'bench', sub: 'alice', iat: now, exp: now + 3600, permissions: ['items:read'] }
  const file = join(folder, 'heimdall.yaml')
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [signer.jwk] }))
  const route = (_: unknown, index: number) => `
  - name: service-${index}
    path: /services/${index}/**
    methods: [GET, POST]
    require: { permissions: ["items:read"] }`
  writeFileSync(
    file,
    `version: 1
listen: 127.0.0.1:${port}
probes: 127.0.0.1:${probes}
upstreams: { service: "http://127.0.0.1:${upstream}" }
authenticators:
  issuer: { jwt: { issuer: ${ISSUER}, audience: bench, jwks_file: jwks.json } }
limits:
  per-subject: { allow: 100000000/min, by: subject }
defaults: { upstream: service, authenticate: [issuer], limits: [per-subject] }
routes:${Array.from({ length: 100 }, route).join('')}
`,
  )
  return { folder, file, port, probes, token: token(signer, claims) }
}

export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  /** Milliseconds from the start of the process to the first 200 of `/readyz`. */
  readonly ready: number
  /** Milliseconds of processor time until then, all threads. */
  readonly work: number
}

/** Starts a gateway whose compile cache is in `cache`, and waits until it is ready. */
export async function startGateway({ file, probes }: World, cache: string): Promise<Started> {
  const began = performance.now()
  const child = spawn(process.execPath, [...FLAGS, MAIN, 'serve', '--config', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  })
  const pid = child.pid ?? 0
  while (!(await isReady(probes))) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`)
    if (performance.now() - began > DEADLINE) throw new Error('the gateway is not ready')
    await pause(2)
  }
  return { child, pid, ready: performance.now() - began, work: processorTime([pid]) / 1000 }
}

function isReady(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  get({ port, host: '127.0.0.1', path: '/readyz', agent: false }, (answer) => {
    answer.resume()
    resolve(answer.statusCode === 200)
  }).on('error', () => resolve(false))
  return promise
}

/** Ends it at once; with `gracefully` it has time to keep what it compiled. */
export async function endGateway({ child }: Started, gracefully = false): Promise<void> {
  if (!gracefully) return kill(child)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await pause(200)
  child.kill('SIGTERM') // a second one does not wait for the drain
  await ended
}

/** MiB. */
export interface Memory {
  readonly resident: number
  /** Pages that others have too counted by share: what a second sidecar adds is less. */
  readonly proportional: number
  /** Pages that no file backs. */
  readonly anonymous: number
}

/** What a process holds (`smaps_rollup` of proc(5)). */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / MIB
  return { resident: of('Rss'), proportional: of('Pss'), anonymous: of('Anonymous') }
}
