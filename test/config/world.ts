/**
 * A world of texts, for loading files that are not there.
 *
 * @module
 */
import { basename, dirname, resolve } from 'node:path'

import type { Config } from '#config/config.ts'
import type { World } from '#config/files.ts'
import { loadConfig, type Loaded, type Rejected } from '#config/load.ts'

/** Files by path, relative to the working folder. */
export function worldOf(files: Readonly<Record<string, string>>, env: World['env'] = {}): World {
  const absolute = new Map(Object.entries(files).map(([path, text]) => [resolve(path), text]))
  return {
    env,
    readFile: (path) => absolute.get(path) ?? missing(),
    listFolder: (folder) =>
      [...absolute.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path)),
  }
}

function missing(): never {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
}

export function load(
  text: string,
  env: World['env'] = {},
  others: Readonly<Record<string, string>> = {},
): Loaded | Rejected {
  return loadConfig('heimdall.yaml', worldOf({ 'heimdall.yaml': text, ...others }, env))
}

/** The configuration of a file that must be good. */
export function good(text: string, env: World['env'] = {}, others: Readonly<Record<string, string>> = {}): Config {
  const loaded = load(text, env, others)
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  return loaded.config
}

/** What is said of a file that must not be good: `path: message`. */
export function problemsOf(
  text: string,
  env: World['env'] = {},
  others: Readonly<Record<string, string>> = {},
): string[] {
  const loaded = load(text, env, others)
  return 'problems' in loaded ? loaded.problems.map(({ path, message }) => `${path}: ${message}`) : []
}
