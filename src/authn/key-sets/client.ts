/**
 * The client that fetches keys: undici, which is loaded with the first keys that are not in a file.
 *
 * @module
 */
import type { Agent, Dispatcher } from 'undici'

import { refuseMetadata } from './safe-lookup.ts'

const pace = { connections: 2, keepAliveTimeout: 1000, headersTimeout: 0, bodyTimeout: 0 } // a load has one deadline of its own

/** Gives the dispatcher of requests, once it is there. */
export type Connect = () => Promise<Dispatcher>

/** Makes the client of all key sets. */
export function createKeyClient(): { readonly connect: Connect; close(): Promise<void> } {
  let agent: Promise<Agent> | undefined

  const open = async () => {
    const undici = await import('undici')
    return new undici.Agent({ ...pace, connect: { lookup: refuseMetadata() } })
  }

  return {
    connect: () => (agent ??= open()),
    async close() {
      await (await agent)?.destroy()
    },
  }
}
