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
}

/**
 * Begins to listen; the address tells the port when 0 asked for a free one.
 *
 * @throws Error that names the address and the reason
 */
export async function listen(server: Server, { host, port }: Address): Promise<Address> {
  try {
    const listening = once(server, 'listening')
    server.listen({ host, port, backlog: 1024 })
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
