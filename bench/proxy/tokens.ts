/**
 * Keys and tokens of a run; lists of tokens are signed on all cores, since RSA takes a quarter of a millisecond each.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, type JsonWebKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { newSigner, token, type Signer } from '../../test/support/tokens.ts'

export const ISSUER = 'https://id.bench.test'
export const AUDIENCE = 'bench'
const LIFETIME = 7200 // seconds

export const algorithms = ['RS256', 'ES256', 'EdDSA'] as const
export type Algorithm = (typeof algorithms)[number]

/** What every token says; `sub` and more are laid over it. */
function claims(part: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const seconds = Math.floor(Date.now() / 1000)
  const grants = { roles: ['user'], permissions: ['items:read', 'items:write'], scope: 'openid profile' }
  return { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: seconds, exp: seconds + LIFETIME, ...grants, ...part }
}

export interface Tokens {
  /** One of each, of the same person. */
  readonly good: Readonly<Record<Algorithm, string>>
  /** Like the good ones, signed by somebody else. */
  readonly forged: Readonly<Record<Algorithm, string>>
  /** Writes a file of new tokens, `Bearer …` a line, each of another person, whom no other list has; its path. */
  list(algorithm: Algorithm, count: number): Promise<string>
}

/** Makes the keys; writes `jwks.json` and a `.pem` for each into `folder`. */
export function makeTokens(folder: string): Tokens {
  const signers = byAlgorithm((algorithm) => newSigner(algorithm, `bench-${algorithm}`))
  const others = byAlgorithm((algorithm) => newSigner(algorithm, `bench-${algorithm}`))
  const all = Object.values(signers)
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: all.map(({ jwk }) => jwk) }))
  for (const { alg, key } of all)
    writeFileSync(join(folder, `${alg}.pem`), createPublicKey(key).export({ type: 'spki', format: 'pem' }))
  let lists = 0
  return {
    good: byAlgorithm((algorithm) => token(signers[algorithm], claims())),
    forged: byAlgorithm((algorithm) => token(others[algorithm], claims())),
    async list(algorithm, count) {
      lists += 1
      const file = join(folder, `tokens-${lists}.txt`)
      const parts = availableParallelism()
      const lines = await Promise.all(
        Array.from({ length: parts }, (_, part) => {
          const [from, to] = [Math.floor((part * count) / parts), Math.floor(((part + 1) * count) / parts)]
          return sign({ jwk: signers[algorithm].key.export({ format: 'jwk' }), algorithm, from, to, list: lists })
        }),
      )
      writeFileSync(file, lines.join(''))
      return file
    },
  }
}

function byAlgorithm<T>(make: (algorithm: Algorithm) => T): Record<Algorithm, T> {
  return { RS256: make('RS256'), ES256: make('ES256'), EdDSA: make('EdDSA') }
}

/** Part of a list, for one worker. */
interface Task {
  readonly jwk: JsonWebKey
  readonly algorithm: Algorithm
  readonly from: number
  readonly to: number
  readonly list: number
}

function sign(task: Task): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task })
    worker.once('message', resolve).once('error', reject)
  })
}

function signTask({ jwk, algorithm, from, to, list }: Task): string {
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const signer: Signer = { alg: algorithm, kid: `bench-${algorithm}`, key, jwk: {} }
  let lines = ''
  for (let index = from; index < to; index += 1)
    lines += `Bearer ${token(signer, claims({ sub: `person-${list}-${index}`, jti: `${list}-${index}` }))}\n`
  return lines
}

if (!isMainThread) parentPort?.postMessage(signTask(workerData as Task), [])
