/**
 * The request as undici sends it: the fields of the identity stage, and the framing that is ours alone.
 *
 * @module
 */
import { header, type Incoming } from '#request/incoming.ts'

import type { Backend } from './backend.ts'
import type { Call } from './call.ts'
import type { Upload } from './upload.ts'

/** Options of `Dispatcher.dispatch`; undici's types do not know `servername`. */
export interface Outgoing {
  readonly method: string
  readonly path: string
  readonly headers: string[]
  readonly body: Upload | null
  readonly servername: string | undefined
}

/** Builds the request for a backend. */
export function outgoing({ request, plan, fields }: Call, backend: Backend, body: Upload | null): Outgoing {
  const headers = [...fields, 'host', plan.upstream.host === 'pass' ? request.authority : backend.authority]
  if (request.body !== 'chunked' && request.body > 0) headers.push('content-length', String(request.body))
  if (wantsTrailers(request)) headers.push('te', 'trailers')
  return { method: request.method, path: backend.prefix + plan.path, headers, body, servername: backend.servername }
}

/** Whether the client can take a trailer section (RFC 9110 §6.5.1). */
export function wantsTrailers(request: Incoming): boolean {
  const te = request.legacy ? undefined : header(request, 'te')
  return te !== undefined && /(?:^|,)\s*trailers\s*(?:,|$)/i.test(te)
}

/**
 * Whether the credential authenticates the connection instead of the request, as NTLM does:
 * on a connection that is used again it would speak for whoever comes next.
 */
export function isConnectionBound(fields: readonly string[]): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (
      name.length === 13 &&
      name.toLowerCase() === 'authorization' &&
      /^(?:ntlm|negotiate)\b/i.test(fields[index + 1] ?? '')
    )
      return true
  }
  return false
}
