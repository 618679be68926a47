/**
 * Beginning to listen, with a reason in plain words when the system refuses.
 *
 * @module
 */
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'

import type { Address } from '#values/network.ts'

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  EACCES: 'the system does not allow this port',
  ENOTSUP: 'the system does not let processes share a port',
}

/**
 * Begins to listen; the address tells the port when 0 asked for a free one.
 *
 * @param shared several processes of this user listen there, and the system spreads connections over them (SO_REUSEPORT)
 * @throws Error that names the address and the reason
 */
export async function listen(server: Server, { host, port }: Address, shared = false): Promise<Address> {
  try {
    const listening = once(server, 'listening')
    server.listen({ host, port, backlog: 1024, reusePort: shared })
    await listening
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new Error(`cannot listen on ${host}:${port}: ${reasons[code] ?? 'the system refused'} (${code})`, {
      cause: error,
    })
  }
  const bound = server.address() as AddressInfo
  return { host: bound.address, port: bound.port }
}
