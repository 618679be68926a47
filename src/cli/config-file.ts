/**
 * The `--config` option: which file, and what to say when it is not good.
 *
 * @module
 */
import { explain } from '#config/explain.ts'
import { disk, type World } from '#config/files.ts'
import { loadConfig, type Loaded } from '#config/load.ts'

import { text, type Call, type Io } from './command.ts'

export const configOption = { config: { type: 'string', short: 'c' } } as const
export const configHelp = { config: 'the file; ./heimdall.yaml unless told otherwise' } as const

/** The file that a command works on, as it was named. */
export function configPath(call: Call): string {
  return text(call, 'config') ?? 'heimdall.yaml'
}

/** Loads the file; prints every problem, and warnings too, to the error stream. */
export function readConfig(call: Call, io: Io, files: Omit<World, 'env'> = disk): Loaded | undefined {
  const path = configPath(call)
  const loaded = loadConfig(path, { ...files, env: io.env })
  if ('problems' in loaded) {
    const count = loaded.problems.length
    io.err(`${explain(loaded.problems)}\n\n${path}: ${count} ${count === 1 ? 'problem' : 'problems'}`)
    return undefined
  }
  if (loaded.warnings.length > 0) io.err(explain(loaded.warnings))
  return loaded
}
