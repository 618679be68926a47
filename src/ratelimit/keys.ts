/**
 * The limit keys there are.
 *
 * @module
 */
import type { LimitKey } from './key.ts'
import { client } from './keys/client.ts'
import { header } from './keys/header.ts'
import { route } from './keys/route.ts'
import { subject } from './keys/subject.ts'
import { tenant } from './keys/tenant.ts'

export const limitKeys: readonly LimitKey[] = [client, subject, tenant, route, header]

/** The key that a word of `by:` names. */
export function limitKey(word: string): LimitKey | undefined {
  return limitKeys.find((key) => key.accepts(word))
}
