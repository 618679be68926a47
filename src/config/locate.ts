/**
 * From a path to its place in the text.
 *
 * @module
 */
import { isMap, isSeq, type ParsedNode } from 'yaml'

import { keyText } from './data.ts'
import { pathText, type Finding, type Path, type Problem } from './problem.ts'
import type { YamlFile } from './yaml-file.ts'

/** Finds the line and column of a finding; one that points at nothing gets the nearest thing around it. */
export function locate(file: YamlFile, finding: Finding): Problem {
  const { message, suggestion } = finding
  if (finding.path.length === 0) return { file: file.name, line: 0, column: 0, path: '', message }
  const { line, column, excerpt } = file.place(offsetOf(file.root, finding.path, finding.key === true))
  const problem = { file: file.name, line, column, path: pathText(finding.path), message, excerpt }
  return suggestion === undefined ? problem : { ...problem, suggestion }
}

function offsetOf(root: ParsedNode, path: Path, atKey: boolean): number {
  let node = root
  let offset = node.range[0]
  for (const [index, step] of path.entries()) {
    const found = child(node, step)
    if (found === undefined) return offset
    if (found.key !== undefined && (found.value === null || (atKey && index === path.length - 1))) return found.key
    if (found.value === null) return offset
    node = found.value
    offset = node.range[0]
  }
  return offset
}

interface Child {
  /** Offset of the key, in mappings. */
  readonly key?: number
  readonly value: ParsedNode | null
}

/** The last entry of that name: of two that clash, the second is the mistake. */
function child(node: ParsedNode, step: string | number): Child | undefined {
  if (isSeq(node) && typeof step === 'number') {
    const value = node.items[step]
    return value === undefined ? undefined : { value }
  }
  if (!isMap(node)) return undefined
  const pair = node.items.findLast(({ key }) => keyText(key) === String(step))
  return pair === undefined ? undefined : { key: pair.key.range[0], value: pair.value }
}
