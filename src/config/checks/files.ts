/**
 * Files that the configuration names beside itself.
 *
 * Their contents are read again by those who use them; here it is found out before traffic comes that they can be.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'

import type { Check, Draft } from '../check.ts'
import { fromFolder, readFailure } from '../files.ts'
import type { Finding, Path } from '../problem.ts'

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Finds certificate bundles of upstreams that cannot be read. */
export const files: Check = (draft) =>
  Object.entries(draft.file.upstreams).flatMap(([name, { tls }]) => {
    const message = tls === undefined ? undefined : bundleFlaw(draft, tls.ca)
    const path: Path = ['upstreams', name, 'tls', 'ca']
    return message === undefined ? [] : [{ path, message } satisfies Finding]
  })

function bundleFlaw({ folder, world }: Draft, written: string): string | undefined {
  const path = fromFolder(folder, written)
  try {
    const found = world.readFile(path).match(certificate) ?? []
    const certificates = found.map((pem) => new X509Certificate(pem))
    return certificates.length === 0 ? 'names a file without a PEM certificate' : undefined
  } catch (error) {
    const isCrypto = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_OSSL')
    return isCrypto
      ? 'names a file with a broken certificate'
      : `names a file that cannot be used: ${readFailure(error)}`
  }
}
