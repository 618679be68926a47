/**
 * From the YAML tree to plain data: placeholders replaced, aliases followed, everything counted.
 *
 * Aliases are expanded node by node against one budget, so a bomb costs no more than a file of that budget would.
 *
 * @module
 */
import { isAlias, isMap, isScalar, isSeq, type Alias, type ParsedNode, type YAMLMap } from 'yaml'

import type { Finding, Path } from './problem.ts'
import { substitute, type Values } from './substitute.ts'

const MOST_NODES = 200_000
const DEEPEST = 64
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

export interface Data {
  /** Undefined when the tree is too large. */
  readonly value: unknown
  readonly findings: readonly Finding[]
  /** Paths (`pathKey`) of scalars that held a placeholder: their values are text, whatever they look like. */
  readonly substituted: ReadonlySet<string>
}

/** A path as the key of a set or map. */
export function pathKey(path: Path): string {
  return path.join('\0')
}

interface Walk {
  readonly values: Values
  readonly findings: Finding[]
  readonly substituted: Set<string>
  readonly anchors: Map<string, ParsedNode>
  left: number
}

/** Makes data of a tree. */
export function toData(root: ParsedNode, values: Values): Data {
  const walk: Walk = { values, findings: [], substituted: new Set(), anchors: new Map(), left: MOST_NODES }
  const value = plain(root, [], walk)
  if (walk.left < 0) {
    const finding = { path: [], message: `holds more than ${MOST_NODES} values, aliases included` }
    return { value: undefined, findings: [finding], substituted: walk.substituted }
  }
  return { value, findings: walk.findings, substituted: walk.substituted }
}

function flaw(walk: Walk, path: Path, message: string): undefined {
  walk.findings.push({ path, message })
}

function plain(node: ParsedNode | null, path: Path, walk: Walk): unknown {
  if (node === null) return null
  if (walk.left < 0) return undefined
  walk.left -= 1
  if (path.length > DEEPEST)
    return flaw(walk, path.slice(0, 1), `nests deeper than ${DEEPEST} levels, aliases included`)

  if (isAlias(node)) {
    const anchored = walk.anchors.get(node.source)
    return anchored === undefined
      ? flaw(walk, path, 'is an alias without an anchor before it')
      : plain(anchored, path, walk)
  }
  const value = content(node, path, walk)
  if (node.anchor !== undefined) walk.anchors.set(node.anchor, node) // afterwards: no alias may stand inside its anchor
  return value
}

function content(node: Exclude<ParsedNode, Alias.Parsed>, path: Path, walk: Walk): unknown {
  if (isMap(node)) return mapping(node, path, walk)
  if (isSeq(node)) return node.items.map((item, index) => plain(item, [...path, index], walk))
  if (typeof node.value !== 'string' || !node.value.includes('${')) return node.value
  walk.substituted.add(pathKey(path))
  const put = substitute(node.value, walk.values)
  if ('text' in put) return put.text
  flaw(walk, path, put.flaw)
  return node.value // stands in, so that nothing else is said to be missing
}

/** The text of a mapping's key; numbers and booleans as they are written. */
export function keyText(key: ParsedNode): string | undefined {
  if (!isScalar(key)) return undefined
  return typeof key.value === 'string' ? key.value : key.source
}

function mapping(node: YAMLMap.Parsed, path: Path, walk: Walk): Record<string, unknown> {
  const data: Record<string, unknown> = {}
  for (const { key, value } of node.items) {
    const name = keyText(key)
    if (name === undefined) flaw(walk, path, 'has a key that is no text')
    else if (forbidden.has(name))
      walk.findings.push({ path: [...path, name], message: 'is a key that no file may use', key: true })
    else if (Object.hasOwn(data, name))
      walk.findings.push({ path: [...path, name], message: 'stands here twice', key: true })
    else data[name] = plain(value, [...path, name], walk)
  }
  return data
}
