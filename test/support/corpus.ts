/**
 * The corpus of hostile requests (`src/probe`), aimed at a fortress.
 *
 * @module
 */
import type { Aim, Case } from '#probe/case.ts'

/** Lines of a good WebSocket handshake. */
export const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** Aims at an open path, from which `/admin/x` is not to be reached. */
export function aimAt(open: string): Aim {
  return {
    host: 'gateway.test',
    open,
    closed: '/admin/x',
    shown: open,
    believed: ['X-Heimdall-Subject', 'X-Heimdall-Roles', 'X-Heimdall-Email'],
    lines: [],
    token: '',
  }
}

/** How tests of a case are named. */
export function named({ id, advisories }: Pick<Case, 'id' | 'advisories'>): string {
  return `${id} ${advisories.join(', ')}`
}

/** Puts lines behind the first line of a request. */
export function withLines(text: string, lines: readonly string[]): string {
  return text.replace('\r\n', `\r\n${lines.map((line) => `${line}\r\n`).join('')}`)
}
