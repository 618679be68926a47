/**
 * What the Sentinels say of the primary, asked again and again.
 *
 * The client asks one Sentinel when it connects, and then stays where it is. But a primary that was replaced by command
 * goes on for ten seconds as if it were one, and so does one that was cut off from the others for as long as that lasts:
 * what is counted there is lost. A single Sentinel may be cut off as well, so most of them must agree.
 *
 * @module
 */
import type { Redis } from 'ioredis'
import { isIP } from 'node:net'

import type { RedisPlace } from '#values/redis-url.ts'

export interface Sentinels {
  /** Asks them all, and has the client connect anew when it is not connected to the primary of most. */
  look(): Promise<void>
  close(): void
}

/** Where they say that the primary is. */
interface Primary {
  readonly host: string
  readonly port: number
}

/**
 * Connects to the Sentinels.
 *
 * @param client connects through them by itself
 * @param connect makes a client of one of them
 */
export function createSentinels(
  { hosts, master }: RedisPlace,
  client: Redis,
  connect: (to: Primary) => Redis,
): Sentinels {
  const sentinels = hosts.map(connect)
  let last: Primary | undefined

  const ask = async (sentinel: Redis): Promise<Primary | undefined> => {
    if (sentinel.status !== 'ready') return undefined
    const answer = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master).catch(() => undefined)
    const [host, port] = Array.isArray(answer) ? answer : []
    return typeof host === 'string' ? { host, port: Number(port) } : undefined
  }

  return {
    async look() {
      const told = mostOf(await Promise.all(sentinels.map(ask)))
      if (told === undefined) return
      const before = last
      last = told
      if (client.status === 'ready' && !isAt(client, told, before)) client.disconnect(true)
    },
    close: () => sentinels.forEach((sentinel) => sentinel.disconnect()),
  }
}

/** What more than half of all say. */
function mostOf(answers: readonly (Primary | undefined)[]): Primary | undefined {
  const votes = (one: Primary) => answers.filter((other) => isSame(one, other)).length
  return answers.find((one) => one !== undefined && votes(one) > answers.length / 2)
}

/** Whether the client is connected to it; a name tells no more than that it has changed. */
function isAt({ stream }: Redis, told: Primary, before = told): boolean {
  if (isIP(told.host) === 0) return isSame(told, before)
  return isSame(told, { host: stream.remoteAddress ?? '', port: stream.remotePort ?? 0 })
}

function isSame(one: Primary, other: Primary | undefined): boolean {
  return one.host === other?.host && one.port === other.port
}
