/**
 * A backend: one target of an upstream, with its connections and what is known of its health.
 *
 * It lives with the process, not with one version of the file, so a reload costs no connection and forgets no failure.
 *
 * @module
 */
import { isIP } from 'node:net'

import { errorText } from '#telemetry/error-text.ts'
import { silent, type Logger } from '#telemetry/log.ts'
import type { Origin } from '#upstream/connect.ts'
import { Pool } from '#upstream/pool.ts'

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

const MOST_WAITING = 1024

export class Backend {
  /** Name of its upstream in the file. */
  readonly upstream: string
  /** `http://10.0.0.7:3000`: for logs and the access line. */
  readonly name: string
  /** Value of `Host` under `host: upstream`. */
  readonly authority: string
  /** Goes before every path; empty for most. */
  readonly prefix: string
  /** Attempts under way, those that wait for a connection included. */
  pending = 0
  /** Gateway-class failures in a row. */
  failures = 0
  /** Ejections in a row. */
  ejections = 0
  /** Whether balancing leaves it out for now. */
  ejected = false
  #options: BackendOptions
  #url: URL
  #hostname: Hostname | undefined
  #pool: Pool
  /** Pools of addresses that the name no longer has, until their last answers are out. */
  #left = new Set<Pool>()
  #single: Pool | undefined
  #retired = false

  constructor(options: BackendOptions, parts: BackendParts = {}) {
    const url = new URL(options.url)
    this.#options = options
    this.#url = url
    this.upstream = options.upstream
    this.name = url.origin
    this.authority = url.host
    this.prefix = url.pathname.replace(/\/+$/, '')
    this.#hostname = isAddress(url.hostname) ? undefined : this.#follow(url.hostname, parts)
    this.#pool = this.#createPool(true)
  }

  /** True while the name of the target cannot be resolved, and its last addresses stand in. */
  get unresolved(): boolean {
    return this.#hostname?.failing === true
  }

  /** Where requests go: connections that are kept and used again. */
  get pool(): Pool {
    this.#hostname?.look()
    return this.#retired ? this.single : this.#pool
  }

  /** Connections that serve one request each: for second attempts, which must not meet another stale connection. */
  get single(): Pool {
    this.#single ??= this.#createPool(false)
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
    return { ca, connectTimeout, servername: this.#servername() ?? '', lookup: this.#hostname?.lookup }
  }

  /** How its connections stand. */
  get stats(): { connected: number; running: number; pending: number } {
    return this.#pool.stats
  }

  /** Closes idle connections now and busy ones after their answer; late requests of an old version of the file still get through. */
  retire(): Promise<void> {
    this.#retired = true
    return this.#pool.close()
  }

  /** Cuts every connection. */
  destroy(): void {
    this.#retired = true
    for (const pool of [this.#pool, this.#single, ...this.#left]) pool?.destroy()
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
    this.#pool = this.#createPool(true)
    this.#left.add(old)
    void old.close().then(() => this.#left.delete(old))
  }

  #createPool(keeps: boolean): Pool {
    const { connections } = this.#options
    return new Pool({ origin: this.#origin(), connections, waiting: MOST_WAITING, keeps })
  }

  #origin(): Origin {
    const { protocol, hostname, port } = this.#url
    const { ca, connectTimeout } = this.#options
    const secure = protocol === 'https:'
    return {
      host: unbracketed(hostname),
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      tls: secure ? { ca, servername: this.#servername() } : undefined,
      lookup: this.#hostname?.lookup,
      timeout: connectTimeout,
    }
  }

  /** The name that a certificate must bear; undefined where an address is verified itself. */
  #servername(): string | undefined {
    const { protocol, hostname } = this.#url
    return protocol === 'https:' && !isAddress(hostname) ? hostname : undefined
  }
}

function isAddress(hostname: string): boolean {
  return isIP(unbracketed(hostname)) !== 0
}

function unbracketed(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
