/**
 * Counts by client address: one bucket per IPv4 address and per IPv6 /64, since whoever has one address of a /64 has all.
 *
 * Every spelling of an address is the same key, and IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) is IPv4.
 *
 * @module
 */
import { isIPv4, isIPv6 } from 'node:net'

import type { ClientPrefix, LimitKey } from '../key.ts'

export const client: LimitKey = {
  name: 'client',
  needs: 'request',
  accepts: (word) => word === 'client',
  create: (_, prefix) => (request) => clientNetwork(request.client, prefix),
}

/** The network that counts as one client, in one spelling; `undefined` for text that is no address. */
export function clientNetwork(address: string, prefix: ClientPrefix): string | undefined {
  if (isIPv4(address)) return prefix.ipv4 === 32 ? address : networkOf(bytesOf(address), prefix.ipv4)
  if (!isIPv6(address)) return undefined
  const groups = groupsOf(address)
  const mapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
  if (!mapped) return networkOf(groups, prefix.ipv6, 16)
  const [high = 0, low = 0] = groups.slice(6)
  return clientNetwork([high >> 8, high & 255, low >> 8, low & 255].join('.'), prefix)
}

function bytesOf(address: string): number[] {
  return address.split('.').map(Number)
}

/** The eight groups of an IPv6 address (RFC 4291 §2.2), without its zone. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const first = groupList(head)
  const last = tail === undefined ? [] : groupList(tail)
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}

function groupList(text: string): number[] {
  return text === '' ? [] : text.split(':').flatMap(groupOf)
}

/** One group, or the two that a dotted end stands for. */
function groupOf(text: string): number[] {
  if (!text.includes('.')) return [Number.parseInt(text, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = bytesOf(text)
  return [a * 256 + b, c * 256 + d]
}

/** The leading `bits` of an address, with its length so that networks of different sizes stay apart. */
function networkOf(units: readonly number[], bits: number, width = 8): string {
  const kept = units.slice(0, Math.ceil(bits / width))
  const spare = kept.length * width - bits
  const last = kept.pop() ?? 0
  const text = [...kept, (last >> spare) << spare].map((unit) => unit.toString(width === 16 ? 16 : 10))
  return `${text.join(width === 16 ? ':' : '.')}/${bits}`
}
