/**
 * A backend: one target of an upstream, with its connections and what is known of its health.
 *
 * It lives with the process, not with one version of the file, so a reload costs no connection and forgets no failure.
 *
 * @module
 */
import type { LookupFunction } from 'node:net'

import { Pool, type Dispatcher } from 'undici'

import { errorText } from '#telemetry/error-text.ts'
import { silent, type Logger } from '#telemetry/log.ts'

import { createConnector, isAddress } from './connector.ts'
import { askSystem, Hostname, type HostnameOptions } from './hostname.ts'

/** What makes two targets the same one across reloads. */
export interface BackendOptions {
  /** Name of the upstream in the file. */
  readonly upstream: string
  /** Absolute http or https URL; its path goes before the request's. */
  readonly url: string
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca: string | undefined
  /** Most connections at once. */
  readonly connections: number
  /** Milliseconds a connection may take. */
  readonly connectTimeout: number
}

/** What all backends share; the system resolves names unless told otherwise. */
export interface BackendParts extends Partial<Pick<HostnameOptions, 'resolve' | 'freshFor'>> {
  readonly log?: Logger
}

/** Bytes of an answer's head. */
export const MOST_HEADER_BYTES = 64 * 1024

const MOST_WAITING = 1024
const KEEP_ALIVE = 4000 // milliseconds idle: below what servers grant, so that few connections are found closed

export class Backend {
  /** Name of its upstream in the file. */
  readonly upstream: string
  /** `http://10.0.0.7:3000`: for logs and the access line. */
  readonly name: string
  /** Value of `Host` under `host: upstream`. */
  readonly authority: string
  /** Goes before every path; empty for most. */
  readonly prefix: string
  /** The same on every request, since undici opens a new connection whenever it changes. */
  readonly servername: string | undefined
  /** Attempts under way, those that wait for a connection included. */
  pending = 0
  /** Gateway-class failures in a row. */
  failures = 0
  /** Ejections in a row. */
  ejections = 0
  /** Whether balancing leaves it out for now. */
  ejected = false
  #options: BackendOptions
  #hostname: Hostname | undefined
  #pool: Pool
  /** Pools of addresses that the name no longer has, until their last answers are out. */
  #left = new Set<Pool>()
  #single: Pool | undefined
  #retired = false

  constructor(options: BackendOptions, parts: BackendParts = {}) {
    const url = new URL(options.url)
    this.#options = options
    this.upstream = options.upstream
    this.name = url.origin
    this.authority = url.host
    this.prefix = url.pathname.replace(/\/+$/, '')
    this.servername = url.protocol === 'https:' ? url.hostname : undefined
    this.#hostname = isAddress(url.hostname) ? undefined : this.#follow(url.hostname, parts)
    this.#pool = this.#createPool(1)
  }

  /** True while the name of the target cannot be resolved, and its last addresses stand in. */
  get unresolved(): boolean {
    return this.#hostname?.failing === true
  }

  /** Where requests go: connections that are kept and used again. */
  get dispatcher(): Dispatcher {
    this.#hostname?.look()
    return this.#retired ? this.single : this.#pool
  }

  /** Connections that serve one request each: for second attempts, which must not meet another stale connection. */
  get single(): Dispatcher {
    this.#single ??= this.#createPool(0)
    return this.#single
  }

  /** True when attempts wait for a connection of another to be free. */
  get crowded(): boolean {
    return this.pending > this.#options.connections
  }

  /** True when as many attempts wait for a connection as may. */
  get full(): boolean {
    return this.pending >= this.#options.connections + MOST_WAITING
  }

  /** What a connection of one's own takes; `servername` is empty when the target is an address. */
  get connection() {
    const { ca, connectTimeout } = this.#options
    return { ca, connectTimeout, servername: this.#tlsName() ?? '', lookup: this.#lookup() }
  }

  /** How its connections stand. */
  get stats(): { connected: number; running: number; pending: number } {
    const { connected, running, pending } = this.#pool.stats
    return { connected, running, pending }
  }

  /** Closes idle connections now and busy ones after their answer; late requests of an old version of the file still get through. */
  retire(): Promise<void> {
    this.#retired = true
    return this.#pool.close()
  }

  /** Cuts every connection. */
  async destroy(): Promise<void> {
    this.#retired = true
    await Promise.all([this.#pool.destroy(), this.#single?.destroy(), ...[...this.#left].map((pool) => pool.destroy())])
  }

  #follow(hostname: string, { resolve = askSystem, freshFor, log = silent }: BackendParts): Hostname {
    const facts = { upstream: this.upstream, target: this.name }
    return new Hostname(hostname, {
      resolve,
      ...(freshFor !== undefined && { freshFor }),
      moved: (addresses) => {
        log.info({ ...facts, addresses }, 'upstream target moved')
        this.#renewPool()
      },
      failing(error) {
        if (error === undefined) log.info(facts, 'upstream name resolved again')
        else log.warn({ ...facts, error: errorText(error) }, 'upstream name cannot be resolved')
      },
    })
  }

  /** Idle connections end now, busy ones after their answer. */
  #renewPool(): void {
    if (this.#retired) return
    const old = this.#pool
    this.#pool = this.#createPool(1)
    this.#left.add(old)
    void old.close().then(() => this.#left.delete(old))
  }

  #lookup(): LookupFunction | undefined {
    return this.#hostname?.lookup
  }

  #createPool(pipelining: 0 | 1): Pool {
    const { ca, connections, connectTimeout } = this.#options
    return new Pool(this.name, {
      connections,
      pipelining,
      allowH2: false,
      headersTimeout: 0, // deadlines are ours: undici's tick at up to a second
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE,
      maxHeaderSize: MOST_HEADER_BYTES,
      strictContentLength: true,
      connect: createConnector({ ca, servername: this.#tlsName(), lookup: this.#lookup(), timeout: connectTimeout }),
    })
  }

  #tlsName(): string | undefined {
    return this.servername === undefined || isAddress(this.servername) ? undefined : this.servername
  }
}
