/**
 * An endpoint: the routes that share one host and path, and how `methods` and `headers` choose among them.
 *
 * Explicit methods go before any method, more header conditions before fewer; what is left over is a tie,
 * which `findTies` reports at load.
 *
 * @module
 */
import type { EncodedKind } from '#request/target.ts'
import { type Deny, deny, type Pass, pass } from '#request/verdict.ts'

import { parsePattern } from './pattern.ts'
import type { RouteRule } from './rule.ts'

/** Where the parameters of a pattern stand in a path, counted in segments from 0; for `rewrite`. */
export interface Params {
  readonly names: ReadonlyMap<string, number>
  /** First segment that `**` covers; undefined in patterns without. */
  readonly rest: number | undefined
}

export interface Matched<R> {
  readonly route: R
  readonly params: Params
  /** The methods of the route as the file lists them; undefined when it takes any. */
  readonly methods: readonly string[] | undefined
}

export interface Choice<R> {
  /** Lower-case header names with the value each must have. */
  readonly conditions: readonly (readonly [name: string, value: string])[]
  readonly allow_encoded: readonly EncodedKind[]
  /** The verdict when this route is chosen: made once, the same for every request. */
  readonly found: Pass<Matched<R>>
}

export interface Endpoint<R> {
  /** Routes to try, in order, for methods that some route lists. */
  readonly methods: ReadonlyMap<string, readonly Choice<R>[]>
  /** Routes to try for every other method; empty: the method is not allowed. */
  readonly others: readonly Choice<R>[]
  readonly method_not_allowed: Deny
}

/** Compiles the rules of one host and path. */
export function compileEndpoint<R>(rules: readonly RouteRule<R>[]): Endpoint<R> {
  const ordered = rules
    .map((rule) => ({ rule, choice: compileChoice(rule) }))
    .sort((a, b) => b.choice.conditions.length - a.choice.conditions.length || (a.rule.name < b.rule.name ? -1 : 1))
  const choices = (fits: (rule: RouteRule<R>) => boolean) =>
    ordered.filter(({ rule }) => fits(rule)).map(({ choice }) => choice)

  const others = choices((rule) => rule.methods === undefined)
  const methods = new Map<string, readonly Choice<R>[]>()
  for (const method of new Set(rules.flatMap((rule) => rule.methods ?? [])))
    methods.set(method, [...choices((rule) => rule.methods?.includes(method) ?? false), ...others])
  const get = methods.get('GET')
  if (get !== undefined && !methods.has('HEAD')) methods.set('HEAD', get) // RFC 9110 §9.3.2

  const Allow = [...methods.keys()].sort().join(', ')
  return { methods, others, method_not_allowed: deny('method_not_allowed', `the path takes ${Allow}`, { Allow }) }
}

function compileChoice<R>(rule: RouteRule<R>): Choice<R> {
  return {
    conditions: Object.entries(rule.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const),
    allow_encoded: rule.allow_encoded,
    found: pass({ route: rule.route, params: paramsOf(rule.path), methods: rule.methods }),
  }
}

/** Finds where the parameters of a path pattern stand. */
export function paramsOf(path: string): Params {
  const pattern = parsePattern(path)
  if (typeof pattern === 'string') throw new RangeError(`path ${pattern}`)
  const names = new Map<string, number>()
  let rest: number | undefined
  for (const [index, segment] of pattern.segments.entries()) {
    if (segment.kind === 'param') names.set(segment.name, index)
    if (segment.kind === 'rest') rest = index
  }
  return { names, rest }
}
