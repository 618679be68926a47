/**
 * The request as the service gets it: the fields of the identity stage, and the framing that is ours alone.
 *
 * @module
 */
import { header, type Incoming } from '#request/incoming.ts'
import type { RequestHead } from '#upstream/exchange.ts'

import type { Backend } from './backend.ts'
import type { Call } from './call.ts'

/** Builds the request for a backend. */
export function outgoing({ request, plan, fields }: Call, backend: Backend): RequestHead {
  return {
    method: request.method,
    path: backend.prefix + plan.path,
    host: plan.upstream.host === 'pass' ? request.authority : backend.authority,
    fields: wantsTrailers(request) ? [...fields, 'te', 'trailers'] : fields,
    body: request.body,
  }
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
