/**
 * A plain HTTP service behind the gateway, for tests that count answers instead of bytes.
 *
 * @module
 */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Service {
  readonly port: number
  readonly url: string
  close(): Promise<void>
}

/**
 * Starts one on loopback, on a free port unless told otherwise.
 *
 * @param keepAliveTimeout milliseconds that it keeps idle connections, and says so
 */
export async function startService(answer: RequestListener, port = 0, keepAliveTimeout = 60_000): Promise<Service> {
  const server = createServer({ keepAliveTimeout }, answer)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
