/**
 * Keys from a file, read every two seconds: also sees the symlink swaps by which Kubernetes changes mounted files,
 * which watchers of inodes miss.
 *
 * @module
 */
import { readFile, stat } from 'node:fs/promises'

import { failed, LARGEST_SET, type LoadKeys, type Pace } from './source.ts'

/** Reading a small file costs next to nothing, so its pace is not left to the options. */
export const filePace = { cooldown: 1000, refresh: 2000 } as const satisfies Omit<Pace, 'max_stale'>

/** Loads the text of the file at `path`. */
export function loadFromFile(path: string): LoadKeys {
  return async () => {
    try {
      const found = await stat(path)
      // Opening a pipe would hold a thread of the pool until somebody writes to it.
      if (!found.isFile()) return failed('unreachable', 'not a file')
      if (found.size > LARGEST_SET) return failed('too_large', `more than ${LARGEST_SET} bytes`)
      return { kind: 'loaded', text: await readFile(path, 'utf8') }
    } catch {
      return failed('unreachable', 'the file cannot be read')
    }
  }
}
