/**
 * Listeners: each has a port of its own.
 *
 * @module
 */
import { isIPv6 } from 'node:net'

import type { Check } from '../check.ts'
import type { Finding } from '../problem.ts'

/** Finds listeners that would want the same port of the same address. */
export const listeners: Check = ({ file }) => {
  const written = [
    { key: 'listen', at: file.listen },
    { key: 'probes', at: file.probes },
    ...(file.admin === undefined ? [] : [{ key: 'admin', at: file.admin }]),
  ]
  return written.flatMap(({ key, at }, index): Finding[] => {
    const rival = written
      .slice(0, index)
      .find(({ at: { host, port } }) => port !== 0 && port === at.port && overlap(host, at.host))
    return rival === undefined ? [] : [{ path: [key], message: `has the port of \`${rival.key}\` already` }]
  })
}

function overlap(one: string, other: string): boolean {
  return one === other || covers(one, other) || covers(other, one)
}

/** `::` takes IPv4 too. */
function covers(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && !isIPv6(host))
}
