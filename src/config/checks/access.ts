/**
 * Access: every route says who may use it, and says so once.
 *
 * @module
 */
import { needsIdentity } from '#ratelimit/limit.ts'

import type { Check, DraftRoute } from '../check.ts'
import type { Finding } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'

/** Finds routes that are open by accident, and keys that contradict `public` or `optional`. */
export const access: Check = ({ file, routes }) =>
  routes.flatMap((route) => {
    if (route.merged.public) return contradictionsOfPublic(file, route)
    return route.merged.optional ? contradictionsOfOptional(route) : withoutAuthenticator(route)
  })

function withoutAuthenticator({ path, merged }: DraftRoute): Finding[] {
  if (merged.authenticate.length > 0) return []
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

function contradictionsOfOptional({ path, written, merged }: DraftRoute): Finding[] {
  const findings: Finding[] = []
  if (merged.authenticate.length === 0)
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
