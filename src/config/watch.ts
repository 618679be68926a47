/**
 * Watching what a configuration was made of.
 *
 * Folders are watched, not files: Kubernetes swaps the symlink `..data` beside a mounted file, editors rename over it,
 * and a watch on the file itself would stay with the old one. A slow poll finds what the system does not report
 * (network folders, folders that were not there at first). Contents decide, so a touched file is no change; and they
 * must have settled, since a file that is still being written may be a good one with half its routes.
 *
 * @module
 */
import { watch, type FSWatcher } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import { printOf, UNREADABLE, type Sources } from './files.ts'

const SETTLE = 100
const POLL = 2000

export interface Watching {
  /** Goes on with other sources, after they were loaded. */
  follow(sources: Sources): void
  close(): void
}

/** Times in milliseconds. */
export interface WatchTimes {
  /** How long after an event to look, and how long what is new must stay as it is. Default 100. */
  readonly settle?: number
  /** How often to look without being told. Default 2000. */
  readonly poll?: number
}

/**
 * Watches files and folders until closed; never keeps the process running.
 *
 * @param onChange called once for each state of the files that differs from the one before
 */
export function watchSources(sources: Sources, onChange: () => void, times: WatchTimes = {}): Watching {
  const { settle = SETTLE, poll = POLL } = times
  let known = new Map(sources)
  let watchers = watchFolders(known, later)
  let pending: NodeJS.Timeout | undefined
  let looking = false
  let seen = { state: '', since: 0 } // what was new at the last look, and since when
  const polling = setInterval(() => void look(), poll).unref()

  function later(): void {
    pending ??= setTimeout(() => {
      pending = undefined
      void look()
    }, settle).unref()
  }

  async function look(): Promise<void> {
    if (looking) return later()
    looking = true
    const asked = known
    const prints = await Promise.all([...asked.keys()].map(async (path) => [path, await print(path)] as const))
    looking = false
    if (asked !== known) return
    const isNew = prints.some(([path, found]) => asked.get(path) !== found)
    const state = isNew ? JSON.stringify(prints) : ''
    const now = performance.now()
    if (state !== seen.state) seen = { state, since: now }
    if (!isNew) return
    if (now - seen.since < settle) return later()
    known = new Map(prints)
    onChange()
  }

  function stop(): void {
    for (const watcher of watchers) watcher.close()
    watchers = []
  }

  return {
    follow(next) {
      stop()
      seen = { state: '', since: 0 }
      known = new Map(next)
      watchers = watchFolders(known, later)
    },
    close() {
      stop()
      known = new Map()
      clearInterval(polling)
      clearTimeout(pending)
    },
  }
}

/** One watcher per folder; a folder that cannot be watched is left to the poll. */
function watchFolders(paths: ReadonlyMap<string, string>, onEvent: () => void): FSWatcher[] {
  const folders = new Set([...paths.keys()].map((path) => dirname(path)))
  return [...folders].flatMap((folder) => {
    try {
      const watcher = watch(folder, { persistent: false }, onEvent)
      watcher.on('error', () => watcher.close())
      return [watcher]
    } catch {
      return []
    }
  })
}

async function print(path: string): Promise<string> {
  try {
    const contents = (await stat(path)).isDirectory() ? await readdir(path) : await readFile(path, 'utf8')
    return printOf(contents)
  } catch {
    return UNREADABLE
  }
}
