/**
 * The route table: per host a trie of path segments, at its ends the routes that share a path.
 *
 * Built once per load of the file; nothing in it changes afterwards, and the order of the rules does not matter.
 *
 * @module
 */
import { compileEndpoint, type Endpoint } from './endpoint.ts'
import type { Segment } from './pattern.ts'
import { groupRules, type RouteRule, type Sharing } from './rule.ts'

/** One position in the paths of a host. */
export interface PathNode<R> {
  readonly literals: Map<string, PathNode<R>>
  param: PathNode<R> | undefined
  /** The path ends here. */
  end: Endpoint<R> | undefined
  /** `**` stands here. */
  rest: Endpoint<R> | undefined
}

export interface Table<R> {
  readonly exact: ReadonlyMap<string, PathNode<R>>
  /** By what follows the star: `.example.com`. */
  readonly wildcards: ReadonlyMap<string, PathNode<R>>
  readonly any: PathNode<R>
}

/** Builds the table of rules that `parsePattern`, `parseHost` and `findTies` have nothing against. */
export function buildTable<R>(rules: readonly RouteRule<R>[]): Table<R> {
  const exact = new Map<string, PathNode<R>>()
  const wildcards = new Map<string, PathNode<R>>()
  const any = newNode<R>()
  const rootOf = (host: string | undefined) => {
    if (host === undefined) return any
    return nodeAt(host.startsWith('.') ? wildcards : exact, host)
  }
  for (const sharing of groupRules(rules)) insert(rootOf(sharing.host), sharing)
  return { exact, wildcards, any }
}

/** Rules of one shape lead to one node, whatever they call their parameters. */
function insert<R>(root: PathNode<R>, sharing: Sharing<R>): void {
  const endpoint = compileEndpoint(sharing.rules)
  let node = root
  for (const segment of sharing.segments) {
    if (segment.kind === 'rest') {
      node.rest = endpoint
      return
    }
    node = child(node, segment)
  }
  node.end = endpoint
}

function child<R>(node: PathNode<R>, segment: Exclude<Segment, { kind: 'rest' }>): PathNode<R> {
  return segment.kind === 'param' ? (node.param ??= newNode<R>()) : nodeAt(node.literals, segment.text)
}

function nodeAt<R>(nodes: Map<string, PathNode<R>>, key: string): PathNode<R> {
  const node = nodes.get(key) ?? newNode<R>()
  nodes.set(key, node)
  return node
}

function newNode<R>(): PathNode<R> {
  return { literals: new Map(), param: undefined, end: undefined, rest: undefined }
}
