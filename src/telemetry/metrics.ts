/**
 * Every metric, declared once; `help` states the question it answers.
 *
 * Labels come from closed sets (route names, denial codes, authenticators, upstream names), never from a request.
 *
 * @module
 */
import { DurationMetric } from './durations.ts'
import { Counter, Gauge, Histogram, Registry } from './prom-client.ts'
import { tallied } from './tallied.ts'

const durations = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5]
const stageDurations = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.05, 0.5]

export type Metrics = ReturnType<typeof createMetrics>

/** Makes a registry of its own with every metric of the data plane. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers })
  /** A gauge of which the highest counts when several workers have one; of all others, and of counters, the sum. */
  const peak = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers, aggregator: 'max' })
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Histogram<L>({ name, help, labelNames, buckets: durations, registers })

  return {
    registry,
    requests: tallied(
      counter('heimdall_requests_total', 'How many requests, and how they ended (pass or a denial code).', [
        'route',
        'outcome',
      ]),
    ),
    requestDuration: new DurationMetric({
      name: 'heimdall_request_duration_seconds',
      help: 'How long clients waited for the end of the answer.',
      label: 'route',
      buckets: durations,
      registry,
    }),
    stageDuration: new DurationMetric({
      name: 'heimdall_stage_duration_seconds',
      help: 'Where the time of a decision goes.',
      label: 'stage',
      buckets: stageDurations,
      registry,
    }),
    inFlight: gauge('heimdall_requests_in_flight', 'How many requests are being worked on now.'),
    tunnels: gauge('heimdall_tunnels_open', 'How many upgraded connections are open now.'),
    tunnelsClosed: counter('heimdall_tunnels_closed_total', 'Why upgraded connections ended.', ['reason']),
    connectionsOpen: gauge('heimdall_connections_open', 'How many connections of clients are open now.'),
    overloadState: peak('heimdall_overload_state', 'Whether too much is asked of the gateway (1), by reason.', [
      'reason',
    ]),
    overloadShed: counter('heimdall_overload_shed_total', 'How many requests were refused because of it, by reason.', [
      'reason',
    ]),
    inFlightAllowed: gauge('heimdall_requests_in_flight_allowed', 'How many requests may be worked on at once now.'),
    memoryUsed: peak('heimdall_memory_used_ratio', 'Which share of what may be used is used (heap or resident).', [
      'kind',
    ]),
    eventLoopLag: peak('heimdall_event_loop_lag_seconds', 'How late the event loop last was.'),
    shadowDenials: counter('heimdall_shadow_denials_total', 'What routes in shadow mode would have refused.', [
      'route',
      'outcome',
    ]),
    malformed: counter(
      'heimdall_malformed_requests_total',
      'How many requests the listener refused by itself, by answer.',
      ['outcome'],
    ),
    connectionsRefused: counter(
      'heimdall_connections_refused_total',
      'How many connections were closed at once because too many were open.',
    ),

    cacheReads: tallied(
      counter('heimdall_cache_reads_total', 'Which layer answered lookups (l1, l2, source, stale, error).', [
        'cache',
        'layer',
      ]),
    ),
    cacheEntries: gauge('heimdall_cache_entries', 'How full the bounded caches in memory are.', ['cache']),
    storeDuration: histogram('heimdall_store_query_duration_seconds', 'How long the stores take to answer.', [
      'store',
      'query',
    ]),
    storeErrors: counter('heimdall_store_errors_total', 'How often a store failed or did not answer in time.', [
      'store',
    ]),
    breakerState: peak('heimdall_breaker_state', 'Whether a breaker is closed (0), half open (1) or open (2).', [
      'breaker',
    ]),
    breakerChanges: counter('heimdall_breaker_changes_total', 'How often breakers changed, by new state.', [
      'breaker',
      'state',
    ]),

    limitDecisions: tallied(
      counter('heimdall_limit_decisions_total', 'What the rate limits decided, and which store counted.', [
        'limit',
        'decision',
        'store',
      ]),
    ),
    limitKeys: gauge('heimdall_limit_keys', 'How many counters the limits hold in memory.'),
    limitFallback: peak(
      'heimdall_limit_fallback',
      'Whether shared limits run on their fallback because Redis is away (1).',
    ),
    limitShares: counter(
      'heimdall_limit_shares_total',
      'How often a worker began to count limits by its share, because the primary did not answer.',
    ),

    badCredentials: counter(
      'heimdall_bad_credentials_total',
      'How many credentials were refused after a signature check or a lookup.',
    ),

    upstreamRequests: tallied(
      counter('heimdall_upstream_requests_total', 'How upstream attempts ended (status class or failure).', [
        'upstream',
        'outcome',
      ]),
    ),
    upstreamRetries: counter('heimdall_upstream_retries_total', 'How often a request was tried a second time.', [
      'upstream',
    ]),
    upstreamEjected: peak('heimdall_upstream_targets_ejected', 'How many targets are left out because they failed.', [
      'upstream',
    ]),
    upstreamUnresolved: peak(
      'heimdall_upstream_names_unresolved',
      'How many targets live on old addresses because their names cannot be resolved.',
      ['upstream'],
    ),
    upstreamConnections: gauge(
      'heimdall_upstream_connections',
      'How the connection pools stand (connected, running, pending).',
      ['upstream', 'state'],
    ),

    keySetFetches: counter('heimdall_keyset_fetches_total', 'How fetches of issuer keys ended.', [
      'authenticator',
      'outcome',
    ]),
    keySetKeys: peak('heimdall_keyset_keys', 'How many usable keys an issuer has.', ['authenticator']),
    keySetRefused: counter('heimdall_keyset_keys_refused_total', 'How many keys were refused as weak or unfit.', [
      'authenticator',
      'reason',
    ]),
    keySetAge: peak('heimdall_keyset_age_seconds', 'How old the keys in use are.', ['authenticator']),

    configGeneration: peak('heimdall_config_generation', 'How many files have been put in force since the start.'),
    configReloads: counter('heimdall_config_reloads_total', 'How reloads of the file ended (applied or refused).', [
      'outcome',
    ]),
    logDropped: counter(
      'heimdall_log_lines_dropped_total',
      'How many log lines were dropped because the reader stalled.',
    ),
  }
}

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>

/** Adds what the process that keeps several workers knows of them. */
export function createWorkerMetrics(registry: Registry) {
  const registers = [registry]
  return {
    workers: new Gauge({ name: 'heimdall_workers', help: 'How many workers serve clients now.', registers }),
    workerStarts: new Counter({
      name: 'heimdall_worker_starts_total',
      help: 'How many workers were started, the first ones included.',
      registers,
    }),
    workerDeaths: new Counter({
      name: 'heimdall_worker_deaths_total',
      help: 'How many workers ended without being told to, by how (a signal, a code, or what was done about it).',
      labelNames: ['cause'],
      registers,
    }),
  }
}
