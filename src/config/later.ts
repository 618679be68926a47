/**
 * Keys of the file format that this version does not build yet.
 *
 * They are refused by that name and never ignored: a gateway that quietly does without `mtls` is a hole.
 *
 * @module
 */
import type { Finding, Path } from './problem.ts'
import { valueAt, type Tree } from './tree.ts'

interface Later {
  /** `*` stands for any name or list position. */
  readonly path: Path
  /** What is not built, in the words of the message. */
  readonly what: string
  /** Only these values are; all when absent. */
  readonly when?: (value: unknown) => boolean
}

const isUnix = (value: unknown) => typeof value === 'string' && value.startsWith('unix:')
const hasTls = (value: unknown) => valueAt(value, ['tls']) !== undefined

const listeners = ['listen', 'probes', 'admin'].flatMap((path): Later[] => [
  { path: [path], what: 'listening on a unix socket', when: isUnix },
  { path: [path], what: 'TLS on a listener', when: hasTls },
])
const onRoutes = (key: string, what: string): Later[] => [
  { path: ['routes', '*', key], what },
  { path: ['defaults', key], what },
]

const later: readonly Later[] = [
  ...listeners,
  { path: ['authenticators', '*', 'introspection'], what: 'token introspection' },
  { path: ['authenticators', '*', 'mtls'], what: 'client certificates' },
  { path: ['identity', 'assertion'], what: 'the signed assertion' },
  { path: ['identity', 'publish'], what: 'the signed assertion' },
  { path: ['publish'], what: 'the signed assertion' },
  { path: ['upstreams', '*', 'health'], what: 'active health checks' },
  { path: ['flags'], what: 'feature flags' },
  ...onRoutes('flags', 'feature flags'),
  ...onRoutes('assertion', 'the signed assertion'),
  ...onRoutes('signed', 'HTTP message signatures'),
  { path: ['doors'], what: 'answering for other proxies' },
  { path: ['control'], what: 'the control plane' },
  { path: ['tls'], what: 'TLS on a listener' },
]

/** Finds what is not built yet and takes it out of the data, so that it is reported once. */
export function refuseLater(data: unknown): Finding[] {
  return later.flatMap(({ path, what, when = () => true }) =>
    placesOf(data, path).flatMap(({ holder, path: place, last }): Finding[] => {
      if (!when(holder[last])) return []
      delete holder[last]
      return [{ path: place, message: `not built yet in this version: ${what}`, key: true }]
    }),
  )
}

interface Found {
  readonly holder: Tree
  readonly last: string
  readonly path: Path
}

/** Every place of the data that a path with `*` leads to. */
function placesOf(data: unknown, pattern: Path, before: Path = []): Found[] {
  const [step = '', ...rest] = pattern
  if (typeof data !== 'object' || data === null) return []
  const holder = data as Tree
  if (step === '*')
    return Object.keys(holder).flatMap((key) =>
      placesOf(holder[key], rest, [...before, Array.isArray(data) ? Number(key) : key]),
    )
  if (!Object.hasOwn(holder, step)) return []
  const last = String(step)
  return rest.length === 0
    ? [{ holder, last, path: [...before, step] }]
    : placesOf(holder[last], rest, [...before, step])
}
