/**
 * Loading: from the path of a file to a configuration, or to everything that is wrong with it.
 *
 *     read → parse YAML → includes, placeholders, overrides → schema → merge → checks → resolve
 *
 * Nothing here throws for what a file may hold, and the caller keeps the configuration it has until this one is whole.
 *
 * @module
 */
import { assemble } from './assemble.ts'
import { checks } from './checks.ts'
import type { Config } from './config.ts'
import { recording, type Sources, type World } from './files.ts'
import { pathKey } from './data.ts'
import { draftOf } from './draft.ts'
import { refuseLater } from './later.ts'
import { parseFile } from './parse.ts'
import type { Finding, Problem } from './problem.ts'
import { resolveConfig } from './resolve.ts'
import { reviewRisks, type RiskReview } from './risks.ts'

const noRisks: RiskReview = { findings: [], warnings: [] }

/** A configuration that can be put to use. */
export interface Loaded {
  readonly config: Config
  /** Worth saying, but nothing that keeps the file from being used. */
  readonly warnings: readonly Problem[]
  readonly sources: Sources
}

/** A file that must not be put to use. */
export interface Rejected {
  /** All of them, in the order of the file. */
  readonly problems: readonly Problem[]
  readonly sources: Sources
}

/** Loads the configuration at `path`. */
export function loadConfig(path: string, world: World): Loaded | Rejected {
  const { world: noted, sources } = recording(world)
  const assembled = assemble(path, noted)
  if (assembled.data === undefined)
    return { problems: [...assembled.problems, ...assembled.findings.map(assembled.locate)], sources }

  const later = refuseLater(assembled.data)
  const parsed = parseFile(assembled.data, assembled.substituted)
  const draft = draftOf(assembled, parsed, noted)
  const risks = draft === undefined ? noRisks : reviewRisks(draft)
  const checked = draft === undefined ? [] : checks.flatMap((check) => check(draft))
  const findings = firstOfEach([...assembled.findings, ...later], parsed.findings, [...checked, ...risks.findings])
  const problems = inOrder([...assembled.problems, ...findings.map(assembled.locate)], path)
  if (draft === undefined || problems.length > 0) return { problems, sources }
  return { config: resolveConfig(draft), warnings: risks.warnings.map(assembled.locate), sources }
}

/** Drops what follows from an earlier phase's finding at the same place or inside it: a missing variable is no missing key. */
function firstOfEach(...phases: readonly (readonly Finding[])[]): Finding[] {
  const found: Finding[] = []
  for (const phase of phases) {
    const covered = new Set(found.flatMap(({ path }) => path.map((_, index) => pathKey(path.slice(0, index + 1)))))
    for (const finding of phase) {
      const key = pathKey(finding.path)
      if (!covered.has(key)) found.push(finding)
      covered.add(key) // a value that is wrong in two ways is told the first
    }
  }
  return found
}

/** By file, the main one first, then by line and column. */
function inOrder(problems: readonly Problem[], main: string): Problem[] {
  const files = [main, ...new Set(problems.map(({ file }) => file).toSorted())]
  return problems.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  )
}
