/**
 * What loading needs of the world outside: files, folders and the environment.
 *
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'

/** Reads throw with a `code` such as `ENOENT`, as node:fs does. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile: (path: string) => string
  readonly listFolder: (path: string) => readonly string[]
}

/** The real one, but for the environment. */
export const disk: Omit<World, 'env'> = {
  readFile: (path) => readFileSync(path, 'utf8'),
  listFolder: (path) => readdirSync(path),
}

/** Resolves a path of the file: relative ones start at the folder of the file, wherever the process was started. */
export function fromFolder(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path)
}

/** Why a file could not be read, without repeating its path. */
export function readFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to read it'
  if (code === 'EISDIR') return 'it is a folder'
  return 'it cannot be read'
}
