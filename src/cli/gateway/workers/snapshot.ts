/**
 * A snapshot: all that a configuration was read from, so that every worker reads the same, whatever becomes of the files.
 *
 * @module
 */
import { disk, type World } from '#config/files.ts'

type Files = Omit<World, 'env'>

/** Contents by path; for what could not be read, the code of the failure. */
export interface Snapshot {
  readonly files: Readonly<Record<string, Found<string>>>
  readonly folders: Readonly<Record<string, Found<readonly string[]>>>
}

type Found<T> = { readonly contents: T } | { readonly code: string }

/** Files of the disk, and a snapshot of what was read of them so far. */
export function capturing(files: Files = disk): Files & { snapshot(): Snapshot } {
  const seen = { files: new Map<string, Found<string>>(), folders: new Map<string, Found<readonly string[]>>() }
  const noting =
    <T>(read: (path: string) => T, found: Map<string, Found<T>>) =>
    (path: string): T => {
      try {
        const contents = read(path)
        found.set(path, { contents })
        return contents
      } catch (error) {
        found.set(path, { code: (error as NodeJS.ErrnoException).code ?? 'EIO' })
        throw error
      }
    }
  return {
    readFile: noting(files.readFile, seen.files),
    listFolder: noting(files.listFolder, seen.folders),
    snapshot: () => ({ files: Object.fromEntries(seen.files), folders: Object.fromEntries(seen.folders) }),
  }
}

/** Reads a snapshot as the files it was taken of. */
export function filesOf({ files, folders }: Snapshot): Files {
  return { readFile: (path) => read(files, path), listFolder: (path) => read(folders, path) }
}

function read<T>(all: Readonly<Record<string, Found<T>>>, path: string): T {
  const found = Object.hasOwn(all, path) ? all[path] : undefined
  if (found !== undefined && 'contents' in found) return found.contents
  const code = found?.code ?? 'ENOENT'
  throw Object.assign(new Error(`${code}: ${path}`), { code })
}
