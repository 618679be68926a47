/**
 * A service that knows who should be asking: every request says in `X-Expect` which identity the gateway must have told.
 *
 * @module
 */
import type { IncomingHttpHeaders, RequestListener } from 'node:http'

import { startService, type Service } from './service.ts'

/** What the gateway tells of an identity, in one line. */
export interface Expected {
  readonly issuer: string
  readonly subject: string
  readonly authenticator: string
  readonly roles?: string
  readonly permissions?: string
}

export interface Witness extends Service {
  /** Requests so far. */
  readonly served: number
  /** Requests that arrived with another identity than they should have; the first few. */
  readonly wrong: readonly string[]
  /** Requests that should not have arrived at all; the first few. */
  readonly unauthorised: readonly string[]
}

const MOST_KEPT = 20
const KEEP_ALIVE = 15_000 // milliseconds: connections that a fault made many are soon few again

/** The header of a request that must arrive with this identity; of one that must not arrive: none. */
export function expecting(expected?: Expected): Readonly<Record<string, string>> {
  return expected === undefined ? {} : { 'X-Expect': lineOf(expected) }
}

function lineOf({ issuer, subject, authenticator, roles = '', permissions = '' }: Expected): string {
  return JSON.stringify([issuer, subject, authenticator, roles, permissions])
}

/** Starts one on loopback. */
export async function startWitness(): Promise<Witness> {
  const [wrong, unauthorised]: [string[], string[]] = [[], []]
  let served = 0
  const answer: RequestListener = ({ headers, url }, response) => {
    served += 1
    const expected = headers['x-expect']
    const told = toldBy(headers)
    if (expected === undefined) note(unauthorised, `${url ?? ''} ${told}`)
    else if (expected !== told) note(wrong, `${url ?? ''} ${told} instead of ${String(expected)}`)
    response.end('served')
  }
  const service = await startService(answer, 0, KEEP_ALIVE)
  return {
    ...service,
    wrong,
    unauthorised,
    get served() {
      return served
    },
  }
}

function note(list: string[], what: string): void {
  if (list.length < MOST_KEPT) list.push(what)
}

function toldBy(headers: IncomingHttpHeaders): string {
  const told = (name: string) => String(headers[`x-heimdall-${name}`] ?? '')
  const [issuer, subject, authenticator] = [told('issuer'), told('subject'), told('authenticator')]
  return lineOf({ issuer, subject, authenticator, roles: told('roles'), permissions: told('permissions') })
}
