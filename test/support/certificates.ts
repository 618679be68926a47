/**
 * Certificates of a private authority, made by openssl.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { needs } from './processes.ts'

const OPENSSL = '/usr/bin/openssl'

/** For `suite(…, { skip: noOpenssl })`. */
export const noOpenssl = needs(OPENSSL)

export interface Certificates {
  /** PEM of the authority. */
  readonly ca: string
  readonly key: string
  readonly cert: string
}

/** Makes an authority, and a key and a certificate by it. @param names such as `IP:127.0.0.1,DNS:localhost` */
export function certify(names: string): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-ca-'))
  const at = (file: string) => join(folder, file)
  const make = (name: string, ...more: string[]) => {
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)]
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    execFileSync(OPENSSL, ['req', '-x509', ...kind, '-subj', `/CN=${name}`, ...more, ...files], { stdio: 'ignore' })
  }
  try {
    make('ca')
    make('server', '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-addext', `subjectAltName=${names}`)
    const read = (file: string) => readFileSync(at(file), 'utf8')
    return { ca: read('ca.pem'), key: read('server.key'), cert: read('server.pem') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
