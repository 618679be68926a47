/**
 * The lowest version of each part that is not known to be broken, and the advisory that says so.
 *
 * A part whose flaw we do not meet is listed all the same: who scans the image asks about it.
 *
 * @module
 */

export interface Floor {
  /** Name in the lock; `node` is the runtime. */
  readonly name: string
  /** The first version with the fix. */
  readonly version: string
  readonly advisory: string
  readonly flaw: string
}

export const floors: readonly Floor[] = [
  {
    name: 'node',
    version: '24.14.1',
    advisory: 'CVE-2026-21710',
    flaw: 'a header named __proto__ ends the process',
  },
  { name: 'node', version: '24.14.1', advisory: 'CVE-2026-21717', flaw: 'numeric names collide in hash tables' },
  {
    name: 'node',
    version: '24.18.0',
    advisory: 'CVE-2026-48931',
    flaw: 'an answer on an idle connection is taken for the next one',
  },
  {
    name: 'undici',
    version: '7.24.0',
    advisory: 'CVE-2026-1525, CVE-2026-1527',
    flaw: 'two lengths in one request; line breaks in `upgrade`',
  },
  {
    name: 'undici',
    version: '8.5.0',
    advisory: 'CVE-2026-6733',
    flaw: 'an answer nobody asked for is given to the next request',
  },
  {
    name: 'jose',
    version: '4.15.5',
    advisory: 'CVE-2024-28176',
    flaw: 'a compressed token unfolds without bound',
  },
  { name: 'yaml', version: '2.8.3', advisory: 'CVE-2026-33532', flaw: 'deep nesting overflows the stack' },
  { name: 'zod', version: '3.22.3', advisory: 'CVE-2023-4316', flaw: 'an e-mail pattern takes for ever' },
  {
    name: 'follow-redirects',
    version: '1.16.0',
    advisory: 'CVE-2024-28849, CVE-2026-40895',
    flaw: 'credentials follow a redirect to another host',
  },
  { name: 'debug', version: '4.4.3', advisory: 'CVE-2025-59144', flaw: '4.4.2 was published by a thief' },
  { name: 'ws', version: '8.17.1', advisory: 'CVE-2024-37890', flaw: 'many headers end the process (tests only)' },
]

/** True when `version` is `floor` or later; both `MAJOR.MINOR.PATCH`. */
export function reaches(version: string, floor: string): boolean {
  const [have, least] = [version, floor].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  for (const [index, number] of (least ?? []).entries()) {
    const own = have?.[index] ?? 0
    if (own !== number) return own > number
  }
  return true
}
