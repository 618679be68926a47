/**
 * The probes listener: whether the process lives, whether it should get traffic, and its metrics.
 *
 * A dead Redis or Postgres does not make the gateway unready: its routes say what is served without them, and taking
 * every gateway out of the balancer at once would turn a partial outage into a whole one.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Registry } from 'prom-client'

import { deny, type Eventually } from '#request/verdict.ts'
import { newRequestId } from '#telemetry/trace.ts'

import { refuse } from './respond.ts'
import { expectTaken } from './taken.ts'

/** How a part of the gateway fares; further facts stand beside `status`. */
export interface ComponentStatus {
  /** `degraded`: works, but not as it should, such as keys past their refresh. `disabled`: not set up. */
  readonly status: 'up' | 'degraded' | 'down' | 'disabled'
  readonly [fact: string]: string | number | boolean | undefined
}

export interface Component {
  /** Name in the answer: `redis`, `keys:acme`. */
  readonly name: string
  /** True when the gateway should get no traffic while this is down. */
  readonly required?: boolean
  check(): Eventually<ComponentStatus>
}

export interface HealthOptions {
  readonly components: readonly Component[]
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>
  /** Milliseconds a component or a scrape may take. */
  readonly timeout?: number
}

interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

const JSON_TYPE = 'application/json'

/** Makes the handler of the probes listener. */
export function createHealth({ components, registry, timeout = 1000 }: HealthOptions) {
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    '/livez': async () => ({ status: 200, type: JSON_TYPE, body: '{"status":"alive"}' }),
    '/readyz': shared(() => readiness(components, timeout)),
    '/metrics': shared(async () => {
      const body = await within(timeout, registry.metrics())
      return body === undefined
        ? { status: 503, type: 'text/plain', body: 'the metrics took too long\n' }
        : { status: 200, type: registry.contentType, body }
    }),
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = ''] = (request.url ?? '').split('?')
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined
    const request_id = newRequestId()
    if (page === undefined) return refuse(response, deny('route_unknown', 'no such probe'), { request_id })
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse(response, deny('method_not_allowed', 'probe', { Allow: 'GET, HEAD' }), { request_id })
    }
    const { status, type, body } = await page()
    const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), 'Cache-Control': 'no-store' }
    response.writeHead(status, headers).end(body)
    expectTaken(response)
  }
}

async function readiness(components: readonly Component[], timeout: number): Promise<Page> {
  const entries = await Promise.all(
    components.map(async (component) => [component, await fares(component, timeout)] as const),
  )
  const ready = entries.every(([component, { status }]) => component.required !== true || status !== 'down')
  const whole = entries.every(([, { status }]) => status === 'up' || status === 'disabled')
  const body = JSON.stringify({
    status: ready ? (whole ? 'ready' : 'degraded') : 'unready',
    components: Object.fromEntries(entries.map(([component, found]) => [component.name, found])),
  })
  return { status: ready ? 200 : 503, type: JSON_TYPE, body }
}

/** A component that throws or takes too long is down. */
async function fares(component: Component, timeout: number): Promise<ComponentStatus> {
  try {
    return (await within(timeout, component.check())) ?? { status: 'down', reason: 'no answer in time' }
  } catch {
    return { status: 'down', reason: 'check failed' }
  }
}

/** One run for everybody who asks meanwhile: probes cannot be used to keep the process busy. */
function shared<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () => (running ??= run().finally(() => (running = undefined)))
}

async function within<T>(timeout: number, value: Eventually<T>): Promise<T | undefined> {
  if (!(value instanceof Promise)) return value
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, timeout, undefined)))
  return Promise.race([value, late]).finally(() => clearTimeout(timer))
}
