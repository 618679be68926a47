/**
 * `POST /profile?kind=cpu&seconds=10` of the admin listener.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

import { errorText } from '#telemetry/error-text.ts'
import type { Logger } from '#telemetry/log.ts'

import type { Profile, ProfileKind } from './profiler.ts'

const LONGEST = 60 // seconds
const LARGEST = 64 * 1024 * 1024 // characters

/** Makes the page: one profile at a time, and none longer than a minute or than its caller waits. */
export function createProfilePage(profile: Profile, log: Logger) {
  let isTaking = false

  const take = async (wanted: Wanted, response: ServerResponse, by: string): Promise<void> => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    log.info({ ...wanted, by }, 'profile begins')
    const text = await profile(wanted.kind, wanted.seconds * 1000, gone.signal)
    log.info({ ...wanted, by, outcome: text === undefined ? 'aborted' : 'taken' }, 'profile ends')
    if (text === undefined) response.destroy()
    else if (text.length > LARGEST)
      say(response, 500, `the profile has ${text.length} characters, more than ${LARGEST}`)
    else say(response, 200, text, 'application/json')
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const wanted = readQuery(request.url ?? '')
    if (typeof wanted === 'string') return say(response, 400, wanted)
    if (isTaking) return say(response, 409, 'another profile is being taken')
    isTaking = true
    const by = `${request.socket.remoteAddress}:${request.socket.remotePort}`
    try {
      await take(wanted, response, by)
    } catch (error) {
      log.warn({ ...wanted, by, error: errorText(error) }, 'profile failed')
      say(response, 500, `no profile: ${errorText(error)}`)
    } finally {
      isTaking = false
    }
  }
}

interface Wanted {
  readonly kind: ProfileKind
  readonly seconds: number
}

function readQuery(url: string): Wanted | string {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  const [kind, seconds] = [query.get('kind') ?? 'cpu', query.get('seconds') ?? '10']
  if (kind !== 'cpu' && kind !== 'heap') return 'kind must be cpu or heap'
  if (!/^\d{1,2}$/.test(seconds) || Number(seconds) < 1 || Number(seconds) > LONGEST)
    return `seconds must be a whole number from 1 to ${LONGEST}`
  return { kind, seconds: Number(seconds) }
}

function say(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(`${text}\n`)
}
