/** What it costs to make a request's headers for the service: the client's filtered, ours added. @module */
import { identityBlock } from '#identity/block.ts'
import { identify } from '#identity/identify.ts'
import { managedNames } from '#identity/managed.ts'
import { issuePermit } from '#request/permit.ts'

import { subject, type Question } from '../question.ts'
import { admitted, alice } from '../wire.ts'

const headers = [
  ['Authorization', 'Bearer e30.e30.e30'],
  ['Cookie', 'theme=dark; heimdall_session=hs_abc; lang=en'],
  ['X-Forwarded-For', '203.0.113.9'],
].flat()
const direct = { client: '192.0.2.1', trusted: false, request_id: 'r'.repeat(24), traceparent: 't'.repeat(55) }
const proxied = { ...direct, client: '203.0.113.9', trusted: true }

function headersFor(name: string, asks: string, principal: typeof alice | undefined, context: typeof direct): Question {
  return {
    name: `identity/${name}`,
    asks,
    prepare() {
      const stage = identify({
        block: identityBlock('heimdall'),
        isManaged: managedNames(['heimdall']),
        credentials: { headers: ['x-api-key'], cookies: ['heimdall_session'] },
        forward_credential: false,
      })
      const permit = issuePermit(principal)
      return subject(admitted({ url: '/orders', headers }), (request) => stage(permit, request, context))
    },
  }
}

export const identity: readonly Question[] = [
  headersFor('known', 'to make the headers of a known identity', alice, direct),
  headersFor('anonymous', 'to make the headers of nobody', undefined, direct),
  headersFor('proxied', 'the first behind a trusted proxy', alice, proxied),
]
