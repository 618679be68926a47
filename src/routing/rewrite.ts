/**
 * Rewriting: the path an upstream sees when it is not the one the client asked for.
 *
 * Works on whole segments of the path as received, and the outcome is admitted once more:
 * a rewrite that makes a new traversal out of harmless parts is refused like one that a client sent.
 *
 * @module
 */
import { type EncodedKind, parseOrigin, type Target } from '#request/target.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'

import type { Params } from './endpoint.ts'
import { parsePattern, type Pattern, type Segment } from './pattern.ts'

export interface RewriteOptions {
  /** Literal segments to take off the front, `/api`. */
  readonly strip_prefix?: string | undefined
  /** Template such as `/v2/{id}/**`, with the parameters of the route's path. */
  readonly rewrite?: string | undefined
  readonly allow_encoded: readonly EncodedKind[]
}

export type Rewrite = (target: Target, params: Params) => Verdict<Target>

/**
 * Compiles `strip_prefix` or `rewrite` of a route for which `rewriteProblem` finds none; the query is kept.
 *
 * @denies target_invalid when the outcome is no path that admission accepts
 * @denies encoded_path when it holds what the route does not allow
 */
export function compileRewrite(options: RewriteOptions): Rewrite {
  const { strip_prefix, rewrite, allow_encoded } = options
  if (rewrite !== undefined) {
    const { segments } = parsed(rewrite)
    return (target, params) => readmit(fill(segments, segmentsOf(target), params), target.query, allow_encoded)
  }
  if (strip_prefix === undefined) return pass
  const { length } = parsed(strip_prefix).segments
  return (target) => readmit(segmentsOf(target).slice(length), target.query, allow_encoded)
}

function parsed(text: string): Pattern {
  const pattern = parsePattern(text)
  if (typeof pattern === 'string') throw new RangeError(`${text} ${pattern}`)
  return pattern
}

function segmentsOf(target: Target): string[] {
  return target.path.slice(1).split('/')
}

function fill(template: readonly Segment[], path: readonly string[], params: Params): string[] {
  return template.flatMap((segment) => {
    if (segment.kind === 'literal') return [segment.written]
    if (segment.kind === 'param') return path[params.names.get(segment.name) ?? path.length] ?? []
    return path.slice(params.rest ?? path.length)
  })
}

function readmit(segments: readonly string[], query: string, allowed: readonly EncodedKind[]): Verdict<Target> {
  const target = parseOrigin(`/${segments.join('/')}${query}`)
  if (target.kind === 'deny') return target
  const kind = target.value.encoded.find((one) => !allowed.includes(one))
  return kind === undefined ? target : deny('encoded_path', `${kind} in rewritten path`)
}

/** Says what is wrong with the rewriting of a route on `path`, for the file's errors. */
export function rewriteProblem(options: RewriteOptions, path: Pattern): string | undefined {
  const { strip_prefix, rewrite, allow_encoded } = options
  if (strip_prefix !== undefined && rewrite !== undefined) return 'strip_prefix and rewrite exclude each other'
  const text = rewrite ?? strip_prefix
  if (text === undefined) return undefined
  const pattern = parsePattern(text)
  if (typeof pattern === 'string') return pattern
  const kind = pattern.encoded.find((one) => !allow_encoded.includes(one))
  if (kind !== undefined) return `holds an escape or delimiter (${kind}) that allow_encoded does not list`
  return rewrite === undefined ? prefixProblem(pattern, path) : templateProblem(pattern, path)
}

function prefixProblem(prefix: Pattern, path: Pattern): string | undefined {
  const last = prefix.segments.at(-1)
  if (last?.kind === 'literal' && last.text === '') return 'must not end with `/`'
  const begins = prefix.segments.every((segment, index) => {
    const own = path.segments[index]
    return segment.kind === 'literal' && own?.kind === 'literal' && own.text === segment.text
  })
  return begins ? undefined : 'must be made of the literal segments that the path of the route begins with'
}

function templateProblem(template: Pattern, path: Pattern): string | undefined {
  for (const segment of template.segments) {
    if (segment.kind === 'rest' && !path.segments.some((own) => own.kind === 'rest'))
      return 'uses `**`, which the path of the route does not end with'
    if (segment.kind !== 'param') continue
    const { name } = segment
    if (!path.segments.some((own) => own.kind === 'param' && own.name === name))
      return `uses {${name}}, which the path of the route does not have`
  }
  return undefined
}
