/**
 * An upstream as the file describes it, ready for requests: its backends, how they are balanced, and its breaker.
 *
 * @module
 */
import type { UpstreamOptions } from '#config/upstream.ts'
import { createAttemptBreaker, type AttemptBreaker } from '#resilience/attempts.ts'
import type { Principal } from '#request/principal.ts'
import { deny, type Deny } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import type { Backend } from './backend.ts'
import { createPick, type BalanceKind, type Weighted } from './balance.ts'
import { createEjection, type Ejection } from './ejection.ts'
import type { Backends } from './backends.ts'

export interface Upstream {
  readonly name: string
  /** Milliseconds. */
  readonly timeout: UpstreamOptions['timeout']
  readonly host: UpstreamOptions['host']
  /** The refusal while the breaker is open. */
  readonly unavailable: Deny
  readonly backends: readonly Backend[]
  readonly breaker: AttemptBreaker
  readonly ejection: Ejection
  /** Picks the backend of the next attempt, another than `failed` where there is one. */
  pick(affinity: Affinity, failed?: Backend): Backend
  /** Counts the end of an attempt: a status class such as `2xx`, or what went wrong. */
  count(outcome: string): void
  /** Counts a second attempt. */
  retried(): void
  /** Stops its timers; its backends may be another's too. */
  close(): void
}

/** Who asks: what `balance: hash(…)` hashes. */
export interface Affinity {
  readonly principal: Principal | undefined
  /** Address of the client. */
  readonly client: string
}

export interface UpstreamParts {
  readonly backends: Backends
  readonly metrics: Metrics
  readonly log: Logger
  /** Content of `tls.ca`, PEM. */
  readonly ca?: string | undefined
}

/** Makes an upstream from its block in the file. */
export function createUpstream(name: string, options: UpstreamOptions, parts: UpstreamParts): Upstream {
  const { metrics, log, ca } = parts
  const { connections, timeout } = options
  const common = { upstream: name, ca, connections, connectTimeout: timeout.connect }
  const weighted = options.targets.map(({ url, weight }): Weighted => {
    return { weight, backend: parts.backends.get({ ...common, url }) }
  })
  const backends = weighted.map(({ backend }) => backend)
  const { errors, of_at_least, window, open_for } = options.breaker
  const breaker = createAttemptBreaker(breakerOf(name), {
    volume: of_at_least,
    errorShare: errors,
    window,
    resetAfter: open_for,
    metrics,
    log,
  })
  return {
    name,
    timeout,
    host: options.host,
    unavailable: deny('upstream_unavailable', `the breaker of upstream ${name} is open`, {
      'Retry-After': String(Math.ceil(open_for / 1000)),
    }),
    backends,
    breaker,
    ejection: createEjection(backends, { upstream: name, log }),
    pick: createChoice(weighted, options.balance),
    count: createCount(name, metrics),
    retried: () => metrics.upstreamRetries.inc({ upstream: name }),
    close: () => breaker.close(),
  }
}

/** What the breaker of an upstream is called in metrics and log. */
export function breakerOf(upstream: string): string {
  return `upstream ${upstream}`
}

function createCount(upstream: string, { upstreamRequests }: Pick<Metrics, 'upstreamRequests'>): Upstream['count'] {
  const known = new Map<string, { inc(): void }>()
  return (outcome) => {
    const counter = known.get(outcome) ?? upstreamRequests.labels({ upstream, outcome })
    known.set(outcome, counter)
    counter.inc()
  }
}

function createChoice(weighted: readonly Weighted[], balance: string): Upstream['pick'] {
  const only = weighted.length === 1 ? weighted[0]?.backend : undefined
  if (only !== undefined) return () => only
  const pick = createPick(balance.startsWith('hash') ? 'hash' : (balance as BalanceKind))
  const keyOf = balance === 'hash(subject)' ? subjectKey : balance === 'hash(client)' ? clientKey : () => ''

  return (affinity, failed) => {
    const fit = weighted.filter(({ backend }) => !backend.ejected && backend !== failed)
    const others = fit.length > 0 ? fit : weighted.filter(({ backend }) => backend !== failed)
    return pick(others.length > 0 ? others : weighted, keyOf(affinity))
  }
}

/** Anonymous requests are told apart by their address. */
function subjectKey({ principal, client }: Affinity): string {
  return principal === undefined ? client : `${principal.issuer} ${principal.subject}`
}

function clientKey({ client }: Affinity): string {
  return client
}
