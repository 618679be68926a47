/**
 * What became of one form at one proxy: refused, passed on, or passed on without what was hostile in it.
 *
 * @module
 */
import { MARK, MARKED_ADDRESS, type Aim, type Form } from '#probe/case.ts'
import { converse } from '#probe/wire.ts'

import type { UpstreamRequest } from '../../test/support/upstream.ts'
import type { Peer } from './peers.ts'

export interface Outcome {
  /**
   * `refused`: the service received no whole request, and the client a 4xx, a 5xx or the end of its connection;
   * `harmless`: the service received one, and nothing hostile with it; `passed`: what is hostile too.
   */
  readonly kind: 'refused' | 'harmless' | 'passed'
  readonly as: string
}

const PATIENCE = { first: 1000, more: () => 80 } // milliseconds

export const aim: Aim = {
  host: 'gateway.test',
  open: '/public/x',
  closed: '/admin/x',
  shown: '/public/x',
  believed: ['X-Heimdall-Subject', 'X-Heimdall-Roles'],
  lines: [],
  token: '',
}

/** Sends a form; undefined when there is nothing to send. */
export async function tryOut(form: Form, { port, upstream }: Peer): Promise<Outcome | undefined> {
  const text = form.send(aim)
  if (text === undefined) return undefined
  const seen = upstream.requests.length
  const { answers, end, silent } = await converse({ address: '127.0.0.1', port, tls: undefined }, text, PATIENCE)
  const received = upstream.requests.slice(seen).filter(({ done }) => done)
  const status = answers.find((answer) => answer.status >= 200)?.status
  if (received.length > 0) return { kind: isHostile(form, received) ? 'passed' : 'harmless', as: told(form, received) }
  if (status !== undefined && status < 400) return { kind: 'harmless', as: `answered ${status} itself` }
  if (silent && end === 'open') return { kind: 'refused', as: 'never whole' }
  return { kind: 'refused', as: status === undefined ? 'closed' : String(status) }
}

/** Whether what is hostile in a form is in what the service received. */
function isHostile({ bar }: Form, received: readonly UpstreamRequest[]): boolean {
  switch (bar) {
    case 'dropped':
      return received.some((request) => spoofed(request).length > 0)
    case 'kept':
      return received.some((request) => request.all('connection').some((value) => /x-heimdall/i.test(value)))
    case 'single':
    case 'judged':
      return received.length > 1 || received.some((request) => request.target === aim.closed || isUpgrade(request))
    default:
      return true
  }
}

function isUpgrade(request: UpstreamRequest): boolean {
  const protocol = request.header('upgrade')
  return protocol !== undefined && protocol.toLowerCase() !== 'websocket'
}

function spoofed({ headers, trailers }: UpstreamRequest): string[] {
  const lines = [...headers.map(([name, value]) => `${name}: ${value}`), ...trailers.map((line) => `trailer ${line}`)]
  return lines.filter((line) => line.includes(MARK) || line.includes(MARKED_ADDRESS))
}

/** How the service received it. */
function told({ bar }: Form, received: readonly UpstreamRequest[]): string {
  if (bar === 'dropped') return received.flatMap(spoofed)[0] ?? 'without it'
  if (bar === 'outside') return received.map(({ target }) => target).join(', ')
  return received.map((request) => `${request.method} ${framing(request)}`).join(', then ')
}

function framing(request: UpstreamRequest): string {
  const coding = request.header('transfer-encoding')
  if (coding !== undefined) return coding
  const length = request.header('content-length')
  if (isUpgrade(request)) return `upgrade to ${request.header('upgrade')}`
  return length === undefined ? 'without a body' : `of ${length} bytes`
}
