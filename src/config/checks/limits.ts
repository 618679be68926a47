/**
 * Limits that would not count what they say.
 *
 * @module
 */
import type { LimitOptions } from '#ratelimit/limit.ts'

import type { Check, Draft } from '../check.ts'
import type { Finding, Path } from '../problem.ts'

/** Every limit of the file, with its place. */
function limitsOf({ file, routes }: Draft): readonly (readonly [Path, LimitOptions])[] {
  const named = Object.entries(file.limits).map(([name, limit]) => [['limits', name], limit] as const)
  const lists = [
    [['defaults'], file.defaults.limits],
    ...routes.map(({ path, written }) => [path, written.limits] as const),
  ] as const
  const written = lists.flatMap(([path, limits = []]) =>
    limits.flatMap((limit, index) => (typeof limit === 'string' ? [] : [[[...path, 'limits', index], limit] as const])),
  )
  return [...named, ...written]
}

function keyHeaders({ file }: Draft): ReadonlySet<string> {
  const headers = Object.values(file.authenticators).flatMap(({ api_key }) => api_key?.header ?? [])
  return new Set(headers.map((name) => name.toLowerCase()))
}

/** Finds shared limits without a Redis to share, and limits counted by a header that holds a credential. */
export const limits: Check = (draft) => {
  const secret = keyHeaders(draft)
  return limitsOf(draft).flatMap(([path, limit]) => {
    const findings: Finding[] = []
    if (limit.shared === true && draft.file.stores.redis === undefined)
      findings.push({ path: [...path, 'shared'], message: 'needs `stores.redis`: there is nowhere to count together' })
    const header = limit.by.find((word) => word.startsWith('header:') && secret.has(word.slice(7).toLowerCase()))
    if (header !== undefined)
      findings.push({
        path: [...path, 'by'],
        message: 'counts by a header that holds a credential; `subject` counts by who holds it',
      })
    return findings
  })
}
