/**
 * A lock file: one process at a time may use a directory.
 *
 * @module
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const held = new Set<string>()

/** Another process, or another part of this one, uses the directory. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse'
}

/**
 * Takes a lock. One left by a process that is gone is taken over.
 *
 * @returns gives the lock back
 * @throws DirectoryInUse
 */
export function takeLock(path: string): () => void {
  const mine = `${path}.${process.pid}`
  writeFileSync(mine, `${process.pid}\n`)
  try {
    if (!tryLink(mine, path)) {
      const owner = ownerOf(path)
      if (isRunning(owner, path))
        throw new DirectoryInUse(`in use by process ${owner}; if there is none, remove ${path}`)
      if (!takeOver(mine, path, owner)) throw new DirectoryInUse(`in use by process ${ownerOf(path)}`)
    }
  } finally {
    rmSync(mine, { force: true })
  }
  held.add(path)
  return () => {
    if (held.delete(path)) rmSync(path, { force: true })
  }
}

/** Creates the lock with its owner already written in it, so that no reader ever sees it empty. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Replaces a stale lock. Of two who try at once, the one that moves the other's new lock away puts it back. */
function takeOver(mine: string, path: string, stale: number): boolean {
  const aside = `${mine}.stale`
  try {
    renameSync(path, aside)
  } catch {
    return tryLink(mine, path)
  }
  const moved = ownerOf(aside)
  const taken = tryLink(Object.is(moved, stale) ? mine : aside, path)
  rmSync(aside, { force: true })
  return taken && Object.is(moved, stale)
}

function ownerOf(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return Number.NaN
  }
}

/** Our own number in a lock that we do not hold was left by an earlier life: containers give every start the same one. */
function isRunning(owner: number, path: string): boolean {
  if (!Number.isSafeInteger(owner) || owner <= 0) return false
  if (owner === process.pid) return held.has(path)
  try {
    process.kill(owner, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
