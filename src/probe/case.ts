/**
 * A case of the corpus: one published way of getting past a gateway, in all the forms of the request that shows it.
 *
 * The corpus is data for three masters: the attack tests of this repository, which look at what reaches the service;
 * `heimdall probe`, which sees only what a deployment answers; and the comparison with other proxies.
 * Ids are stable: `H` headers, `P` paths, `S` framing, `J` tokens, `C` resources.
 *
 * @module
 */

export type Family = 'headers' | 'paths' | 'framing' | 'tokens'

/** What a request is aimed at. Paths begin with `/` and are sent as they are. */
export interface Aim {
  /** The `Host` header. */
  readonly host: string
  /** A path that answers anybody. */
  readonly open: string
  /** A path that refuses strangers. */
  readonly closed: string
  /** A path whose answer shows the headers that the service received. */
  readonly shown: string
  /** Names of headers that the service believes. */
  readonly believed: readonly string[]
  /** Header lines that the requests of `shown` bring: a credential, a handshake. */
  readonly lines: readonly string[]
  /** A good bearer token, or empty. */
  readonly token: string
}

/**
 * What is acceptable:
 * - `refused`: a 4xx or 5xx answer, and no good one behind it
 * - `ended`: refused, and nothing is read behind it: the connection ends
 * - `single`: one answer at the most, and no 101: what is sent is one request, whatever its body looks like
 * - `judged`: no 101, and no good answer to what stands behind the first request
 * - `outside`: neither a 2xx nor a 101: the stranger stays outside
 * - `dropped`: the service does not receive what is marked
 * - `kept`: the service receives the identity that the gateway proved
 */
export type Bar = 'refused' | 'ended' | 'single' | 'judged' | 'outside' | 'dropped' | 'kept'

export interface Form {
  /** What is special about it; never holds a secret. */
  readonly name: string
  readonly bar: Bar
  /** The exact bytes as latin1 text, or undefined when the aim has nothing to make them of. */
  readonly send: (aim: Aim) => string | undefined
  /** True when harmless and harmful answers look alike from outside: only who sees what the service received can judge. */
  readonly inside?: true
  /** True when an obedient service would change something: for services of one's own making only, the probe leaves it out. */
  readonly writes?: true
}

export interface Case {
  /** Such as `H3`. */
  readonly id: string
  /** Where it was published. */
  readonly advisories: readonly string[]
  readonly family: Family
  readonly title: string
  /** Why it matters, in one sentence. */
  readonly why: string
  readonly forms: readonly Form[]
}

/** What spoofed headers say, so that it can be found again behind the gateway. */
export const MARK = 'spoofed-by-probe'

/** The same where only an address will do (RFC 5737). */
export const MARKED_ADDRESS = '203.0.113.77'

/** A request as latin1 text. */
export function requestText(line: string, fields: readonly string[], body = ''): string {
  return [line, ...fields, '', body].join('\r\n')
}
