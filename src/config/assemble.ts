/**
 * One body of data from everything that makes up a configuration: the file, its includes, the environment.
 *
 * @module
 */
import { dirname, resolve } from 'node:path'

import { pathKey, toData } from './data.ts'
import { readFailure, type World } from './files.ts'
import { readIncludes, type Included } from './include.ts'
import { locate } from './locate.ts'
import { override } from './overrides.ts'
import { pathText, type Finding, type Path, type Problem } from './problem.ts'
import { isTree, valueAt, type Tree } from './tree.ts'
import { readYaml, type YamlFile } from './yaml-file.ts'

export interface Assembled {
  readonly data: unknown
  /** Folder of the main file, absolute: where relative paths start. */
  readonly folder: string
  /** Paths of values that came out of placeholders or variables. */
  readonly substituted: ReadonlySet<string>
  readonly findings: readonly Finding[]
  /** Problems that have their place already. */
  readonly problems: readonly Problem[]
  /** Finds a finding's place, in whichever file it lies. */
  readonly locate: (finding: Finding) => Problem
}

/** Where a route of the merged list is written. */
interface Origin {
  readonly file: YamlFile
  readonly index: number
}

/** Reads the file at `path` and all it pulls in. */
export function assemble(path: string, world: World): Assembled {
  const folder = dirname(resolve(path))
  const read = readMain(path, world)
  if ('problems' in read) return unreadable(folder, read.problems)

  const { file } = read
  const values = { world, folder }
  const { value: data, findings, substituted } = toData(file.root, values)
  const merged: Merged = {
    data,
    findings: [...findings],
    problems: [],
    substituted: new Set(substituted),
    origins: (routesOf(data) ?? []).map((_, index) => ({ file, index })),
  }
  let overridden: ReadonlyMap<string, string> = new Map()
  if (isTree(data)) {
    const inclusion = readIncludes(data['include'], values, path)
    merged.findings.push(...inclusion.findings)
    merged.problems.push(...inclusion.problems)
    for (const included of inclusion.included) merge(merged, data, included)
    overridden = override(data, world.env)
    for (const key of overridden.keys()) merged.substituted.add(pathKey([key]))
  }
  return { ...merged, folder, locate: (finding) => place(finding, file, merged.origins, overridden) }
}

function readMain(path: string, world: World): ReturnType<typeof readYaml> {
  try {
    return readYaml(path, world.readFile(resolve(path)))
  } catch (error) {
    const message = `cannot be read: ${readFailure(error)}`
    return { problems: [{ file: path, line: 0, column: 0, path: '', message }] }
  }
}

function unreadable(folder: string, problems: readonly Problem[]): Assembled {
  const locateNowhere = ({ message }: Finding): Problem => ({ file: folder, line: 0, column: 0, path: '', message })
  return { data: undefined, folder, substituted: new Set(), findings: [], problems, locate: locateNowhere }
}

function routesOf(data: unknown): unknown[] | undefined {
  const routes = valueAt(data, ['routes'])
  return Array.isArray(routes) ? routes : undefined
}

interface Merged {
  readonly data: unknown
  readonly findings: Finding[]
  readonly problems: Problem[]
  readonly substituted: Set<string>
  readonly origins: Origin[]
}

/** Adds the routes of an included file; what is known of them moves to their new positions. */
function merge(merged: Merged, data: Tree, { file, value, findings, substituted }: Included): void {
  const routes = routesOf(value)
  const strangers = isTree(value) ? Object.keys(value).filter((key) => key !== 'routes') : []
  const complain = (finding: Finding) => merged.problems.push(locate(file, finding))
  for (const key of strangers)
    complain({ path: [key], message: 'cannot stand in an included file: only routes can', key: true })
  if (routes === undefined && value !== undefined) complain({ path: [], message: 'must hold a list of routes' })

  const into = routesOf(data) ?? []
  if (data['routes'] === undefined) data['routes'] = into
  const first = into.length
  for (const [index, route] of (routes ?? []).entries()) {
    into.push(route)
    merged.origins.push({ file, index })
  }
  const moved = (path: Path): Path => ['routes', first + Number(path[1]), ...path.slice(2)]
  for (const finding of findings) {
    if (finding.path[0] === 'routes' && finding.path.length > 1)
      merged.findings.push({ ...finding, path: moved(finding.path) })
    else complain(finding)
  }
  for (const key of substituted) merged.substituted.add(pathKey(moved(key.split('\0'))))
}

function place(
  finding: Finding,
  main: YamlFile,
  origins: readonly Origin[],
  overridden: ReadonlyMap<string, string>,
): Problem {
  const [top, index, ...rest] = finding.path
  const variable = overridden.get(String(top))
  if (variable !== undefined)
    return { file: variable, line: 0, column: 0, path: pathText(finding.path), message: finding.message }
  const origin = top === 'routes' && typeof index === 'number' ? origins[index] : undefined
  if (origin === undefined) return locate(main, finding)
  return locate(origin.file, { ...finding, path: ['routes', origin.index, ...rest] })
}
