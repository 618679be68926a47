/**
 * One attempt to reach one backend, and what balancing, breaker and metrics learn from it.
 *
 * @module
 */
import type { DenialCode } from '#request/denial.ts'
import type { Attempt } from '#resilience/attempts.ts'

import type { Backend } from './backend.ts'
import type { Upstream } from './upstream.ts'

const upstreamFaults: ReadonlySet<DenialCode> = new Set(['upstream_unreachable', 'upstream_failed', 'upstream_timeout'])

export class Delivery {
  readonly backend: Backend
  #upstream: Upstream
  /** Undefined once the breaker knows how it went. */
  #attempt: Attempt | undefined
  #running = true

  /** @param attempt what the breaker gave */
  constructor(upstream: Upstream, backend: Backend, attempt: Attempt) {
    this.#upstream = upstream
    this.backend = backend
    this.#attempt = attempt
    backend.pending += 1
  }

  /** The head of an answer came: a success of the connection, though a gateway's failure speaks against the backend. */
  answered(status: number): void {
    const { ejection } = this.#upstream
    this.#attempt?.succeeded()
    this.#attempt = undefined
    if (status >= 502 && status <= 504) ejection.failed(this.backend)
    else ejection.succeeded(this.backend)
    this.#upstream.count(statusClass(status))
  }

  /** It ended badly; only what the upstream is to blame for counts against it, and only once. */
  failed(code: DenialCode, error: Error): void {
    this.finished()
    this.#upstream.count(code)
    if (!upstreamFaults.has(code)) this.#attempt?.abandoned()
    else if (this.#attempt !== undefined) {
      this.#attempt.failed(error)
      this.#upstream.ejection.failed(this.backend)
    }
    this.#attempt = undefined
  }

  /** It never got on its way, which says nothing about the backend. */
  withdrawn(): void {
    this.finished()
    this.#attempt?.abandoned()
    this.#attempt = undefined
  }

  /** Nothing is under way any more. */
  finished(): void {
    if (this.#running) this.backend.pending -= 1
    this.#running = false
  }
}

const classes = ['1xx', '2xx', '3xx', '4xx', '5xx']

function statusClass(status: number): string {
  return classes[Math.floor(status / 100) - 1] ?? 'other'
}
