/**
 * Access: every route says who may use it, and says so once.
 *
 * @module
 */
import { needsIdentity } from '#ratelimit/limit.ts'

import type { Check, Draft, DraftRoute } from '../check.ts'
import type { Finding } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'
import { valueAt } from '../tree.ts'

/** Finds routes that are open by accident, and keys that contradict `public` or `optional`. */
export const access: Check = (draft) =>
  draft.routes.flatMap((route) => {
    if (route.merged.public) return contradictionsOfPublic(draft.file, route)
    return route.merged.optional ? contradictionsOfOptional(draft, route) : withoutAuthenticator(draft, route)
  })

/** Also when the defaults would name some, but are themselves mistaken: that is said of them. */
function hasAuthenticator({ file, data }: Draft, { merged, written }: DraftRoute): boolean {
  const mistaken = file.defaults.authenticate === undefined && valueAt(data, ['defaults', 'authenticate']) !== undefined
  return merged.authenticate.length > 0 || (mistaken && written.authenticate === undefined)
}

function withoutAuthenticator(draft: Draft, route: DraftRoute): Finding[] {
  if (hasAuthenticator(draft, route)) return []
  const { path } = route
  return [{ path, message: 'must say who may use it: `authenticate`, `optional: true` or `public: true`' }]
}

function contradictionsOfPublic(file: ConfigFile, { path, written }: DraftRoute): Finding[] {
  const because = 'contradicts `public: true`, which looks at no credential'
  const contrary = (['optional', 'authenticate', 'require'] as const).filter((key) => {
    const value = written[key]
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false
  })
  const limits = (written.limits ?? []).flatMap((one, index): Finding[] => {
    const limit = typeof one === 'string' ? named(file.limits, one) : one
    const meaningless = limit !== undefined && needsIdentity(limit)
    return meaningless ? [{ path: [...path, 'limits', index], message: `counts by identity, which ${because}` }] : []
  })
  return [...contrary.map((key): Finding => ({ path: [...path, key], message: because, key: true })), ...limits]
}

function named<T>(things: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(things, name) ? things[name] : undefined
}

function contradictionsOfOptional(draft: Draft, route: DraftRoute): Finding[] {
  const { path, written } = route
  const findings: Finding[] = []
  if (!hasAuthenticator(draft, route))
    findings.push({
      path: [...path, 'optional'],
      message: 'needs an authenticator for those who do bring a credential',
    })
  if (written.require !== undefined) {
    const message = 'contradicts `optional: true`: leaving the credential out would get around it'
    findings.push({ path: [...path, 'require'], message, key: true })
  }
  return findings
}
