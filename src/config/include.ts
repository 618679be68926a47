/**
 * `include`: route files beside the main one.
 *
 * @module
 */
import { basename, dirname, join, relative } from 'node:path'

import { toData, type Data } from './data.ts'
import { fromFolder, readFailure } from './files.ts'
import type { Finding, Problem } from './problem.ts'
import type { Values } from './substitute.ts'
import { readYaml, type YamlFile } from './yaml-file.ts'

const MOST_FILES = 1000

/** One included file. */
export interface Included extends Data {
  readonly file: YamlFile
}

export interface Inclusion {
  readonly included: readonly Included[]
  /** What is wrong with the list itself. */
  readonly findings: readonly Finding[]
  /** What is wrong inside files that could not be read as YAML. */
  readonly problems: readonly Problem[]
}

/** Reads the files that the patterns name, in the order of the patterns, then of their names. */
export function readIncludes(patterns: unknown, values: Values, mainName: string): Inclusion {
  const findings: Finding[] = []
  const problems: Problem[] = []
  const included: Included[] = []
  for (const [index, pattern] of (Array.isArray(patterns) ? patterns : []).entries()) {
    if (typeof pattern !== 'string') continue // the schema says so
    const paths = expand(pattern, values)
    if (typeof paths === 'string') findings.push({ path: ['include', index], message: paths })
    else for (const path of paths) readOne(path, index)
  }
  return { included, findings, problems }

  function readOne(path: string, index: number): void {
    try {
      const read = readYaml(join(dirname(mainName), relative(values.folder, path)), values.world.readFile(path))
      if ('problems' in read) problems.push(...read.problems)
      else included.push({ file: read.file, ...toData(read.file.root, values) })
    } catch (error) {
      findings.push({ path: ['include', index], message: `cannot be included: ${readFailure(error)}` })
    }
  }
}

/** Paths that a pattern stands for, sorted, or what is wrong with it. One `*`, in the file name. */
function expand(pattern: string, { world, folder }: Values): string[] | string {
  const path = fromFolder(folder, pattern)
  if (!path.includes('*')) return [path]
  const [before = '', after = '', ...more] = basename(path).split('*')
  if (more.length > 0 || dirname(path).includes('*')) return 'may have one `*`, in the name of the file'
  try {
    const names = world.listFolder(dirname(path)).filter((name) => {
      return (
        name.length > before.length + after.length &&
        name.startsWith(before) &&
        name.endsWith(after) &&
        !name.startsWith('.')
      )
    })
    if (names.length > MOST_FILES) return `stands for more than ${MOST_FILES} files`
    return names.toSorted().map((name) => join(dirname(path), name))
  } catch (error) {
    return `cannot be listed: ${readFailure(error)}`
  }
}
