/**
 * The demo service: stands behind the gateway and shows what reached it.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

import { createServer } from '#http/node-http.ts'

export interface DemoService {
  readonly port: number
  close(): Promise<void>
}

/**
 * Starts the service on loopback.
 *
 * @param port 0 asks the system for a free one
 */
export function startDemoService(port: number): Promise<DemoService> {
  const server = createServer(show)
  server.keepAliveTimeout = 75_000 // longer than the gateway keeps idle connections, so that it is the one to close them
  const started = Promise.withResolvers<DemoService>()
  server.once('error', (error: NodeJS.ErrnoException) =>
    started.reject(error.code === 'EADDRINUSE' ? taken(port) : error),
  )
  server.listen(port, '127.0.0.1', () => {
    const bound = server.address()
    started.resolve({
      port: typeof bound === 'object' && bound !== null ? bound.port : port,
      close: () => {
        const closed = Promise.withResolvers<undefined>()
        server.close(() => closed.resolve(undefined))
        server.closeAllConnections()
        return closed.promise
      },
    })
  })
  return started.promise
}

function taken(port: number): Error {
  return new Error(
    `the demo service cannot have 127.0.0.1:${port}: the port is taken; name another one in \`upstreams.demo\``,
  )
}

function show(request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  const body = { service: 'demo', method: request.method, path: request.url, headers: request.headers }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body, null, 2)}\n`)
}
