/**
 * Ties: routes between which nothing in a request would decide.
 *
 * @module
 */
import { parseHost, parsePattern } from './pattern.ts'
import { groupRules, type RouteRule } from './rule.ts'

/** Two rules that could both win, by their index. */
export interface Tie {
  readonly first: number
  readonly second: number
  readonly message: string
}

/**
 * Finds every pair of rules with the same host and path that some request would fit equally well.
 * Rules that do not parse are passed over: that is an error of its own.
 */
export function findTies<R>(rules: readonly RouteRule<R>[]): Tie[] {
  const numbers = new Map(rules.map((rule, index) => [rule, index]))
  const ties = new Map<string, Tie>()
  for (const { host = '', rules: sharing } of groupRules(rules.filter(parses)))
    for (const [one, other] of pairs(sharing)) {
      const reason = tied(one, other)
      if (reason === undefined) continue
      const first = numbers.get(one) ?? -1
      const second = numbers.get(other) ?? -1
      const message = `routes ${one.name} and ${other.name} both match ${reason} ${host.startsWith('.') ? '*' : ''}${host}${other.path}`
      ties.set(`${first} ${second}`, { first, second, message })
    }
  return [...ties.values()].sort((a, b) => a.first - b.first || a.second - b.second)
}

function parses<R>({ path, host = [] }: RouteRule<R>): boolean {
  return typeof parsePattern(path) !== 'string' && [host].flat().every((one) => typeof parseHost(one) !== 'string')
}

function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((first, index) => items.slice(index + 1).map((second): [T, T] => [first, second]))
}

/** What both match, `GET, POST` for instance; undefined when something decides between them. */
function tied<R>(first: RouteRule<R>, second: RouteRule<R>): string | undefined {
  if (!compatible(conditions(first), conditions(second))) return undefined
  if (first.methods === undefined || second.methods === undefined)
    return first.methods === second.methods ? 'any method of' : undefined
  const both = first.methods.filter((method) => second.methods?.includes(method))
  return both.length === 0 ? undefined : both.join(', ')
}

function conditions<R>(rule: RouteRule<R>): Map<string, string> {
  return new Map(Object.entries(rule.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Equally many conditions, none of which contradicts another. */
function compatible(first: ReadonlyMap<string, string>, second: ReadonlyMap<string, string>): boolean {
  if (first.size !== second.size) return false
  return [...first].every(([name, value]) => (second.get(name) ?? value) === value)
}

/** Names a route that has no name of its own: `GET api.example.com/api/orders/**`, with the headers it asks for. */
export function defaultName(rule: Pick<RouteRule<unknown>, 'path' | 'host' | 'methods' | 'headers'>): string {
  const { methods = [], host = [], headers = {} } = rule
  const hosts = typeof host === 'string' ? host : host.join(',')
  const asked = Object.entries(headers).map(([name, value]) => ` ${name}=${value}`)
  return `${methods.length === 0 ? '' : `${methods.join(',')} `}${hosts}${rule.path}${asked.join('')}`
}
