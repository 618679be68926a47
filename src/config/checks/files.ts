/**
 * Files that the configuration names beside itself.
 *
 * Their contents are read again by those who use them; here it is found out before traffic comes that they can be.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'

import { readRedisUrl } from '#values/redis-url.ts'

import type { Check, Draft } from '../check.ts'
import { fromFolder, readFailure } from '../files.ts'
import type { Finding, Path } from '../problem.ts'

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Finds certificates and keys of upstreams and Redis that cannot be read. */
export const files: Check = (draft) => [...ofUpstreams(draft), ...ofRedis(draft)]

function ofUpstreams(draft: Draft): Finding[] {
  return Object.entries(draft.file.upstreams).flatMap(([name, { tls }]) => {
    const message = tls === undefined ? undefined : pemFlaw(draft, tls.ca, 'certificate')
    const path: Path = ['upstreams', name, 'tls', 'ca']
    return message === undefined ? [] : [{ path, message } satisfies Finding]
  })
}

function ofRedis(draft: Draft): Finding[] {
  const read = readRedisUrl(draft.file.stores.redis ?? '')
  if ('flaw' in read) return []
  return (['ca', 'cert', 'key'] as const).flatMap((option) => {
    const file = read.tls?.[option]
    const flaw = file === undefined ? undefined : pemFlaw(draft, file, option === 'key' ? 'key' : 'certificate')
    return flaw === undefined ? [] : [{ path: ['stores', 'redis'], message: `in \`${option}\` ${flaw}` }]
  })
}

function pemFlaw({ folder, world }: Draft, written: string, what: 'certificate' | 'key'): string | undefined {
  const path = fromFolder(folder, written)
  try {
    return readPem(world.readFile(path), what) ? undefined : `names a file without a PEM ${what}`
  } catch (error) {
    const isCrypto = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_OSSL')
    return isCrypto ? `names a file with a broken ${what}` : `names a file that cannot be used: ${readFailure(error)}`
  }
}

/** False when there is none; throws for a broken one. */
function readPem(text: string, what: 'certificate' | 'key'): boolean {
  if (what === 'key') return text.includes('PRIVATE KEY-----') && createPrivateKey(text).type === 'private'
  const found = text.match(certificate) ?? []
  return found.map((pem) => new X509Certificate(pem)).length > 0
}
