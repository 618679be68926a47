/**
 * Paths: patterns that can be met, names that are unique, and no two routes for one request.
 *
 * @module
 */
import { parseHost, parsePattern } from '#routing/pattern.ts'
import { rewriteProblem } from '#routing/rewrite.ts'
import { findTies } from '#routing/ties.ts'

import type { Check, DraftRoute } from '../check.ts'
import type { Finding, Path } from '../problem.ts'
import { valueAt } from '../tree.ts'

/** Finds paths, hosts and rewrites that make no sense, names used twice, and ties. */
export const paths: Check = ({ routes, data }) => {
  const written = valueAt(data, ['routes'])
  if (written === undefined || (Array.isArray(written) && written.length === 0))
    return [{ path: [], message: 'has no routes: every request would be answered with 404' }]
  const flawed = new Map(routes.map((route) => [route, patternFindings(route)]))
  const sound = routes.filter((route) => flawed.get(route)?.length === 0)
  return [...[...flawed.values()].flat(), ...duplicateNames(routes), ...ties(sound)]
}

function patternFindings({ path, merged }: DraftRoute): Finding[] {
  const pattern = parsePattern(merged.path)
  const host = merged.host === undefined ? undefined : parseHost(merged.host)
  const findings: Finding[] = []
  if (typeof host === 'string') findings.push({ path: [...path, 'host'], message: host })
  if (typeof pattern === 'string') return [...findings, { path: [...path, 'path'], message: pattern }]

  const unmet = pattern.encoded.find((kind) => !merged.allow_encoded.includes(kind))
  if (unmet !== undefined)
    findings.push({ path: [...path, 'path'], message: `can never be met: allow_encoded does not list ${unmet}` })
  const flaw = rewriteProblem(merged, pattern)
  const key = merged.rewrite === undefined ? 'strip_prefix' : 'rewrite'
  return flaw === undefined ? findings : [...findings, { path: [...path, key], message: flaw }]
}

/** One name is one metric label and one limit key. */
function duplicateNames(routes: readonly DraftRoute[]): Finding[] {
  const first = new Map<string, DraftRoute>()
  return routes.flatMap((route): Finding[] => {
    const earlier = first.get(route.merged.name)
    if (earlier === undefined) first.set(route.merged.name, route)
    if (earlier === undefined || route.written.name === undefined) return [] // without a name of its own it is a tie
    return [{ path: [...route.path, 'name'], message: `is the name of the route in ${placeOf(earlier)} already` }]
  })
}

function ties(routes: readonly DraftRoute[]): Finding[] {
  const rules = routes.map(({ merged }) => ({ ...merged, route: merged }))
  return findTies(rules).flatMap(({ first, second }): Finding[] => {
    const [one, other] = [routes[first], routes[second]]
    if (one === undefined || other === undefined) return []
    const path: Path = [...other.path, 'path']
    return [{ path, message: `ties with the route in ${placeOf(one)}: some request would fit both equally well` }]
  })
}

function placeOf({ merged: { source } }: DraftRoute): string {
  return `${source.file}:${source.line}`
}
