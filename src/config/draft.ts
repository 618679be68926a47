/**
 * The draft: what could be read of the file, with routes merged, for the checks.
 *
 * @module
 */
import type { Assembled } from './assemble.ts'
import type { Draft } from './check.ts'
import type { World } from './files.ts'
import { mergeRoute } from './merge.ts'
import type { Parsed } from './parse.ts'
import { isTree, valueAt } from './tree.ts'

/** Makes the draft; none when not even the frame of the file is sound. */
export function draftOf(assembled: Assembled, { file, positions }: Parsed, world: World): Draft | undefined {
  if (file === undefined) return undefined
  const routes = file.routes.map((written, index) => {
    const path = ['routes', positions[index] ?? index]
    const { file: source, line } = assembled.locate({ path, message: '' })
    return { path, written, merged: mergeRoute(file, written, { file: source, line }) }
  })
  const names = {
    upstreams: namesIn(assembled.data, 'upstreams'),
    authenticators: namesIn(assembled.data, 'authenticators'),
    limits: namesIn(assembled.data, 'limits'),
  }
  return { file, routes, names, data: assembled.data, folder: assembled.folder, world }
}

function namesIn(data: unknown, block: string): ReadonlySet<string> | undefined {
  const entries = valueAt(data, [block])
  if (entries === undefined) return new Set()
  return isTree(entries) ? new Set(Object.keys(entries)) : undefined
}
