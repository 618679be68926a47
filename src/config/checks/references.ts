/**
 * References: what a route names must be there.
 *
 * @module
 */
import type { Check, Draft } from '../check.ts'
import { closest } from '../closest.ts'
import type { Finding, Path } from '../problem.ts'
import { valueAt } from '../tree.ts'

/** Finds names of upstreams, authenticators and limits that nothing has; also on routes that have other mistakes. */
export const references: Check = (draft) => {
  const routes = valueAt(draft.data, ['routes'])
  const places: Path[] = [['defaults'], ...(Array.isArray(routes) ? routes : []).map((_, index) => ['routes', index])]
  return [
    ...places.flatMap((place) => unknownNames(draft, place)),
    ...draft.routes
      .filter(({ merged }) => merged.upstream === '' && valueAt(draft.data, ['defaults', 'upstream']) === undefined)
      .map(({ path }) => ({ path, message: 'needs an upstream, here or in defaults' })),
  ]
}

function unknownNames({ data, names }: Draft, place: Path): Finding[] {
  return [
    ...unknown(data, [...place, 'upstream'], names.upstreams, 'upstream'),
    ...listOf(data, [...place, 'authenticate']).flatMap((path) =>
      unknown(data, path, names.authenticators, 'authenticator'),
    ),
    ...listOf(data, [...place, 'limits']).flatMap((path) => unknown(data, path, names.limits, 'limit')),
  ]
}

function listOf(data: unknown, path: Path): Path[] {
  const value = valueAt(data, path)
  return Array.isArray(value) ? value.map((_, index) => [...path, index]) : []
}

/** Anything but a text is no name: the schema speaks about that, or it is a limit written in place. */
function unknown(data: unknown, path: Path, names: ReadonlySet<string> | undefined, noun: string): Finding[] {
  const name = valueAt(data, path)
  if (typeof name !== 'string' || names === undefined || names.has(name)) return []
  const suggestion = closest(name, names)
  const finding: Finding = { path, message: `names no ${noun} of this file` }
  return [suggestion === undefined ? finding : { ...finding, suggestion }]
}
