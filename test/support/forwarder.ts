/**
 * A listener that forwards everything: the proxy without the stages before it.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

import { upstreamSchema } from '#config/upstream.ts'
import type { BackendParts } from '#proxy/backend.ts'
import type { Call, ForwardPlan, Outcome } from '#proxy/call.ts'
import { forward } from '#proxy/forward.ts'
import { createBackends, type Backends } from '#proxy/backends.ts'
import { createTunnels, type Rhythm, type Tunnels } from '#proxy/tunnels.ts'
import { upgrade, type UpgradeCall } from '#proxy/upgrade.ts'
import { createUpstream, type Upstream } from '#proxy/upstream.ts'
import { admit } from '#request/admit.ts'
import { hopByHop } from '#request/fields.ts'
import type { Incoming } from '#request/incoming.ts'
import { issuePermit } from '#request/permit.ts'
import type { Principal } from '#request/principal.ts'
import { passed } from '#request/verdict.ts'
import { silent, type Logger } from '#telemetry/log.ts'
import { createMetrics, type Metrics } from '#telemetry/metrics.ts'

export interface ForwarderOptions {
  /** As in the file: a URL or the full block. */
  readonly upstream: unknown
  readonly plan?: Partial<ForwardPlan>
  readonly principal?: Principal
  readonly ca?: string
  readonly log?: Logger
  /** How names of targets are resolved; as the system does unless told otherwise. */
  readonly names?: BackendParts
  /** What open tunnels are told when they ask again; they may stay unless it says otherwise. */
  readonly again?: UpgradeCall['again']
  /** How often they ask. */
  readonly rhythm?: Rhythm
}

export interface Forwarder {
  readonly port: number
  readonly server: Server
  readonly upstream: Upstream
  readonly backends: Backends
  readonly metrics: Metrics
  readonly tunnels: Tunnels
  /** How each request ended, in the order of their ends. */
  readonly outcomes: Outcome[]
  close(): Promise<void>
}

/** Starts a forwarder on a free port of 127.0.0.1. A refusal is answered with its code in `X-Code`. */
export async function startForwarder(options: ForwarderOptions): Promise<Forwarder> {
  const metrics = createMetrics()
  const backends = createBackends(metrics, options.names)
  const { log = silent, ca, again = () => passed, rhythm } = options
  const tunnels = createTunnels({ metrics, log, clock: () => Date.now(), ...(rhythm !== undefined && { rhythm }) })
  const upstream = createUpstream('test', upstreamSchema.parse(options.upstream), { backends, metrics, log, ca })
  const outcomes: Outcome[] = []
  const permit = issuePermit(options.principal)
  const plan = (request: Incoming): ForwardPlan => ({
    upstream,
    path: request.target.origin,
    client: '192.0.2.1',
    maxBody: 1024 ** 3,
    responseHeaders: [],
    dropResponse: (name) => name.startsWith('x-heimdall-'),
    personal: false,
    ...options.plan,
  })

  const onRequest = (req: IncomingMessage, res: ServerResponse, expectsContinue = false) => {
    const request = admitted(req)
    const call: Call = { request, fields: fieldsOf(request), plan: plan(request), req, res, expectsContinue }
    forward(permit, call, (outcome) => {
      outcomes.push(outcome)
      if (outcome.answered) return
      if (!req.complete) res.shouldKeepAlive = false
      res.writeHead(outcome.status, { 'X-Code': outcome.denial?.code, ...outcome.denial?.headers }).end()
    })
  }
  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => onRequest(req, res))
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => onRequest(req, res, true))
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    const request = admitted(req)
    const call: UpgradeCall = {
      request,
      fields: fieldsOf(request),
      plan: plan(request),
      req,
      socket,
      head,
      tunnels,
      again,
    }
    upgrade(permit, call, (outcome) => {
      outcomes.push(outcome)
      if (outcome.answered) return
      const headers = { 'X-Code': outcome.denial?.code, ...outcome.denial?.headers, 'Content-Length': 0 }
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.end(`HTTP/1.1 ${outcome.status} No\r\n${lines.join('')}Connection: close\r\n\r\n`, () => socket.destroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    server,
    upstream,
    backends,
    metrics,
    tunnels,
    outcomes,
    async close() {
      tunnels.drain()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      upstream.close()
      backends.close()
    },
  }
}

function admitted(req: IncomingMessage): Incoming {
  const verdict = admit({
    method: req.method ?? '',
    url: req.url ?? '',
    version: req.httpVersion,
    headers: req.rawHeaders,
    peer: '127.0.0.1',
    encrypted: false,
  })
  if (verdict.kind === 'deny') throw new Error(`not admitted: ${verdict.code} ${verdict.note}`)
  return verdict.value
}

/** What the identity stage leaves: no Host, no framing, nothing hop-by-hop. */
function fieldsOf({ names, values }: Incoming): string[] {
  const named = new Set(names.flatMap((name, index) => (name === 'connection' ? tokens(values[index] ?? '') : [])))
  return names.flatMap((name, index) => {
    const ours = name === 'host' || name === 'content-length' || name === 'expect'
    return ours || hopByHop.has(name) || named.has(name) ? [] : [name, values[index] ?? '']
  })
}

function tokens(value: string): string[] {
  return value.split(',').map((token) => token.trim().toLowerCase())
}
