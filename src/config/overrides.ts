/**
 * Variables that override the top-level scalars: `HEIMDALL_LISTEN` and its like.
 *
 * @module
 */
import type { World } from './files.ts'
import type { Tree } from './tree.ts'

const variables = {
  listen: 'HEIMDALL_LISTEN',
  probes: 'HEIMDALL_PROBES',
  admin: 'HEIMDALL_ADMIN',
  grace: 'HEIMDALL_GRACE',
  workers: 'HEIMDALL_WORKERS',
} as const

/**
 * Puts the variables that are set, and not empty, into the data.
 *
 * @returns the keys that were overridden, each with its variable
 */
export function override(data: Tree, env: World['env']): ReadonlyMap<string, string> {
  const set = Object.entries(variables).filter(([, variable]) => (env[variable] ?? '') !== '')
  for (const [key, variable] of set) data[key] = env[variable]
  return new Map(set)
}
