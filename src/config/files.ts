/**
 * What loading needs of the world outside: files, folders and the environment.
 *
 * @module
 */
import { createHash } from 'node:crypto'
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

/** What a configuration was made of: absolute paths of files and folders, each with the print of what was found there. */
export type Sources = ReadonlyMap<string, string>

/** The print of a file or folder that cannot be read. */
export const UNREADABLE = 'unreadable'

/** Tells contents apart; a folder's contents are its sorted names. */
export function printOf(contents: string | readonly string[]): string {
  const text = typeof contents === 'string' ? contents : contents.toSorted().join('/')
  return createHash('sha256').update(text).digest('hex')
}

/** A world that notes what is read from it. */
export function recording(world: World): { readonly world: World; readonly sources: Sources } {
  const sources = new Map<string, string>()
  const noting =
    <T extends string | readonly string[]>(read: (path: string) => T) =>
    (path: string): T => {
      sources.set(path, UNREADABLE)
      const contents = read(path)
      sources.set(path, printOf(contents))
      return contents
    }
  return { world: { env: world.env, readFile: noting(world.readFile), listFolder: noting(world.listFolder) }, sources }
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
