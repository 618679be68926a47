/**
 * A gateway that decides nothing, in front of a raw service: for what a proxy does to messages.
 *
 * @module
 */
import assert from 'node:assert/strict'

import { fixed } from './answers.ts'
import { serve, type TestGateway } from './gateway.ts'
import type { Keep } from './keeper.ts'
import { startUpstream, type Answer, type Upstream, type UpstreamConnection, type UpstreamRequest } from './upstream.ts'

/** What a script's next request became. */
export interface Met {
  readonly request: UpstreamRequest
  readonly connection: UpstreamConnection
}

export interface PlainProxy {
  readonly upstream: Upstream
  readonly gateway: TestGateway
  readonly port: number
  /** Lets the service answer so, and gives its next request once it has come. */
  answering(answer: Answer): () => Met
}

/** Starts both; every path is public, and no pause of the service is too long. */
export async function startPlainProxy(keep: Keep): Promise<PlainProxy> {
  const upstream = keep(await startUpstream(fixed(200)))
  const gateway = keep(
    await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
accept_risk: [public_by_default]
upstreams: { service: { targets: ["${upstream.url}"], breaker: { of_at_least: 1000000 } } }
routes: [{ path: "/**", public: true, upstream: service, max_body: 64MiB }]
`),
  )
  return {
    upstream,
    gateway,
    port: gateway.port,
    answering(answer) {
      const from = upstream.requests.length
      upstream.answer = answer
      return () => {
        const request = upstream.requests[from]
        const connection = upstream.connections[request?.connection ?? -1]
        assert.ok(request !== undefined && connection !== undefined, 'nothing has arrived')
        return { request, connection }
      }
    },
  }
}
