/**
 * Keys from a file, read every two seconds: also sees the symlink swaps by which Kubernetes changes mounted files,
 * which watchers of inodes miss.
 *
 * @module
 */
import { open } from 'node:fs/promises'

import { failed, LARGEST_SET, type LoadKeys, type Pace } from './source.ts'

/** Reading a small file costs next to nothing, so its pace is not left to the options. */
export const filePace = { cooldown: 1000, refresh: 2000 } as const satisfies Omit<Pace, 'max_stale'>

/** Loads the text of the file at `path`. */
export function loadFromFile(path: string): LoadKeys {
  return async () => {
    try {
      await using file = await open(path)
      const { size } = await file.stat()
      if (size > LARGEST_SET) return failed('too_large', `more than ${LARGEST_SET} bytes`)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(LARGEST_SET), 0, LARGEST_SET, 0)
      return { kind: 'loaded', text: buffer.toString('utf8', 0, bytesRead) }
    } catch {
      return failed('unreachable', 'the file cannot be read')
    }
  }
}
