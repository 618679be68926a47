/**
 * A check: one thing that a schema cannot say about the file.
 *
 * To add one: a file in `checks/` and a line in `checks.ts`.
 *
 * @module
 */
import type { RouteConfig } from './config.ts'
import type { World } from './files.ts'
import type { Finding, Path } from './problem.ts'
import type { RouteFile } from './route.ts'
import type { ConfigFile } from './schema.ts'

/** A route that its schema has nothing against. */
export interface DraftRoute {
  /** `['routes', 2]`. */
  readonly path: Path
  readonly written: RouteFile
  readonly merged: RouteConfig
}

/** The file on its way to a configuration; all but `data` and `names` is its sound part. */
export interface Draft {
  readonly file: ConfigFile
  readonly routes: readonly DraftRoute[]
  /** Every name that is written, also of entries with mistakes: a reference to one is no mistake of its own. None when unreadable. */
  readonly names: Readonly<Record<'upstreams' | 'authenticators' | 'limits', ReadonlySet<string> | undefined>>
  /** The whole of it before the schema, mistakes included. */
  readonly data: unknown
  readonly folder: string
  readonly world: World
}

export type Check = (draft: Draft) => Finding[]
