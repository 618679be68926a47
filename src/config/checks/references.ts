/**
 * References: what a route names must be there.
 *
 * @module
 */
import type { Check, Draft } from '../check.ts'
import { closest } from '../closest.ts'
import type { Finding, Path } from '../problem.ts'
import type { DefaultsFile } from '../route.ts'

/** Finds names of upstreams, authenticators and limits that nothing has. */
export const references: Check = (draft) => [
  ...referencesOf(draft, ['defaults'], draft.file.defaults),
  ...draft.routes.flatMap(({ path, written }) => referencesOf(draft, path, written)),
  ...draft.routes
    .filter(({ merged }) => merged.upstream === '')
    .map(({ path }) => ({ path, message: 'needs an upstream, here or in defaults' })),
]

function referencesOf({ names }: Draft, path: Path, keys: DefaultsFile): Finding[] {
  const { upstream, authenticate = [], limits = [] } = keys
  const limitNames = limits.map((one) => (typeof one === 'string' ? one : undefined))
  return [
    ...unknown(names.upstreams, [upstream], () => [...path, 'upstream'], 'upstream'),
    ...unknown(names.authenticators, authenticate, (index) => [...path, 'authenticate', index], 'authenticator'),
    ...unknown(names.limits, limitNames, (index) => [...path, 'limits', index], 'limit'),
  ]
}

function unknown(
  names: ReadonlySet<string> | undefined,
  used: readonly (string | undefined)[],
  pathOf: (index: number) => Path,
  noun: string,
): Finding[] {
  if (names === undefined) return []
  return used.flatMap((name, index): Finding[] => {
    if (name === undefined || names.has(name)) return []
    const suggestion = closest(name, names)
    const finding: Finding = { path: pathOf(index), message: `names no ${noun} of this file` }
    return [suggestion === undefined ? finding : { ...finding, suggestion }]
  })
}
