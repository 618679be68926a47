/**
 * URLs of Redis or Valkey: one server, a primary that Sentinels name, or a Cluster.
 *
 *     redis://[USER:PASSWORD@]HOST[:PORT][/DB]
 *     redis-sentinel://[USER:PASSWORD@]HOST[:PORT],…/NAME[?db=N&sentinel_username=…&sentinel_password=…]
 *     redis-cluster://[USER:PASSWORD@]HOST[:PORT],…
 *
 * `rediss…` speaks TLS, with `?ca=FILE&cert=FILE&key=FILE` where the system's certificates do not do.
 * Nothing said about a URL repeats any of it but the names of its options: the rest may be secret.
 *
 * @module
 */
import { isIPv6 } from 'node:net'

/** Files of PEM; the system's authorities and no certificate of our own where absent. */
export interface RedisTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

interface Credentials {
  readonly username?: string
  readonly password?: string
}

export interface RedisHost {
  readonly host: string
  readonly port: number
}

/** Where Redis is and how to speak to it. */
export interface RedisPlace {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  /** The server; the Sentinels to ask; the nodes of a Cluster to start with. */
  readonly hosts: readonly [RedisHost, ...RedisHost[]]
  /** What the Sentinels call the primary. */
  readonly master: string
  readonly db: number
  readonly credentials: Credentials
  readonly sentinelCredentials: Credentials
  /** Absent: no TLS. */
  readonly tls: RedisTls | undefined
}

/** What is wrong with a URL; `word` is what may be misspelt of `known`. */
export interface UrlFlaw {
  readonly flaw: string
  readonly word?: string
  readonly known?: readonly string[]
}

const schemes = ['redis', 'rediss', 'redis-sentinel', 'rediss-sentinel', 'redis-cluster', 'rediss-cluster'] as const
const kinds = { redis: 'single', 'redis-sentinel': 'sentinel', 'redis-cluster': 'cluster' } as const
const files = ['ca', 'cert', 'key'] as const
const sentinelOptions = ['db', 'sentinel_username', 'sentinel_password'] as const
const shape = /^([\w+.-]*):\/\/(?:([^/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/
const hostShape = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/

const FORM = 'must be a redis://, redis-sentinel:// or redis-cluster:// URL (rediss… for TLS), or empty'

/** Reads a URL. */
export function readRedisUrl(text: string): RedisPlace | UrlFlaw {
  const [whole, scheme = '', userInfo = '', authority = '', path = '', query = '', fragment] = shape.exec(text) ?? []
  if (whole === undefined || /\s/.test(text)) return { flaw: FORM }
  if (!isScheme(scheme)) return { flaw: FORM, word: scheme, known: schemes }
  if (fragment !== undefined) return { flaw: 'has a #: in a password write it %23' }
  const kind = kinds[scheme.replace('rediss', 'redis') as keyof typeof kinds]
  const isTls = scheme.startsWith('rediss')
  const hosts = hostsOf(authority, kind)
  if ('flaw' in hosts) return hosts
  const options = optionsOf(query, [...(kind === 'sentinel' ? sentinelOptions : []), ...(isTls ? files : [])])
  if ('flaw' in options) return options
  const [user = '', password] = userInfo.split(/:(.*)/s)
  const words = [path, user, password ?? ''].map(decoded)
  if (words.includes(undefined)) return { flaw: 'has a % that does not start an escape: write it %25' }
  return placeOf({ kind, hosts, isTls, words: words.map(String), get: (name) => options.values.get(name) })
}

interface Parts extends Pick<RedisPlace, 'kind' | 'hosts'> {
  readonly isTls: boolean
  /** Path, user and password. */
  readonly words: readonly string[]
  /** An option. */
  readonly get: (name: string) => string | undefined
}

function placeOf({ kind, hosts, isTls, words, get }: Parts): RedisPlace | UrlFlaw {
  const [path = '', username, password] = words
  const flaw = pathFlaw(kind, path) ?? optionFlaw(get)
  if (flaw !== undefined) return { flaw }
  return {
    kind,
    hosts,
    master: kind === 'sentinel' ? path : '',
    db: Number(kind === 'single' ? path : get('db')) || 0,
    credentials: given({ username, password }),
    sentinelCredentials: given({ username: get('sentinel_username'), password: get('sentinel_password') }),
    tls: isTls ? given({ ca: get('ca'), cert: get('cert'), key: get('key') }) : undefined,
  }
}

function isScheme(text: string): text is (typeof schemes)[number] {
  return schemes.some((scheme) => scheme === text)
}

function hostsOf(authority: string, kind: RedisPlace['kind']): RedisPlace['hosts'] | UrlFlaw {
  const usual = kind === 'sentinel' ? 26_379 : 6379
  const hosts = authority.split(',').map((one): RedisHost | undefined => {
    const [, host = '', port = String(usual)] = hostShape.exec(one) ?? []
    const bare = host.replace(/^\[(.*)\]$/, '$1')
    const sound = host !== '' && (bare === host || isIPv6(bare)) && Number(port) >= 1 && Number(port) <= 65_535
    return sound ? { host: bare, port: Number(port) } : undefined
  })
  const sound = hosts.filter((one) => one !== undefined)
  const [first, ...others] = sound
  if (first === undefined || sound.length < hosts.length)
    return {
      flaw: 'must have HOST or HOST:PORT after the // and the @; in a password write / ? # @ as %2F %3F %23 %40',
    }
  if (kind === 'single' && others.length > 0)
    return { flaw: 'names several servers: write redis-sentinel:// or redis-cluster://' }
  return [first, ...others]
}

function optionsOf(query: string, known: readonly string[]): { readonly values: Map<string, string> } | UrlFlaw {
  const values = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    const list = known.length === 0 ? 'it knows none' : `it knows ${known.join(', ')}`
    if (!known.includes(name))
      return { flaw: `has an option that this kind of URL does not know: ${list}`, word: name, known }
    if (values.has(name)) return { flaw: `says \`${name}\` twice` }
    values.set(name, value)
  }
  return { values }
}

function pathFlaw(kind: RedisPlace['kind'], path: string): string | undefined {
  if (kind === 'single' && !isDb(path)) return 'must end after HOST:PORT, or with /N, the number of a database'
  if (kind === 'sentinel' && !/^[\w.-]+$/.test(path))
    return 'must have the name of the primary after the hosts: redis-sentinel://HOST,…/NAME'
  return kind === 'cluster' && path !== '' ? 'must have no path: a Cluster has one database' : undefined
}

function optionFlaw(get: Parts['get']): string | undefined {
  if (!isDb(get('db') ?? '')) return 'must have a number in `db`'
  if ((get('cert') === undefined) !== (get('key') === undefined)) return 'needs `cert` and `key` together'
  const relative = files.find((name) => get(name)?.startsWith('/') === false)
  return relative === undefined ? undefined : `must have an absolute path in \`${relative}\``
}

function isDb(text: string): boolean {
  return /^\d{0,5}$/.test(text)
}

/** What is there of something. */
function given<K extends string>(all: Readonly<Record<K, string | undefined>>): Partial<Record<K, string>> {
  return Object.fromEntries(Object.entries(all).filter(([, one]) => one !== undefined && one !== '')) as Partial<
    Record<K, string>
  >
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
