/**
 * Readiness of several workers: at first of all of them, from then on of one at least.
 *
 * @module
 */
import type { Component, ComponentStatus } from '#http/health.ts'

import type { Member } from './member.ts'
import type { Health } from './messages.ts'
import type { Pool } from './pool.ts'

const PATIENCE = 700 // milliseconds; a component has a second

export interface Readiness {
  /** Those of the workers are added when the first of them has told which there are. */
  readonly components: readonly Component[]
  learn(member: Member): Promise<void>
}

/** @param own what this process knows itself */
export function createReadiness(own: readonly Component[], pool: Pool, count: number): Readiness {
  let asking: Promise<readonly (Health | undefined)[]> | undefined
  const ask = () => (asking ??= Promise.all(pool.members.map(healthOf)).finally(() => (asking = undefined)))

  const open = (): ComponentStatus => {
    const facts = { open: pool.open, of: count }
    if (facts.open === count) return { status: 'up', ...facts }
    return { status: pool.wasWhole && facts.open > 0 ? 'degraded' : 'down', ...facts }
  }

  const merged = (name: string, required: boolean): Component => ({
    name,
    required,
    async check() {
      const found = (await ask()).map((health) => health?.[name]?.status ?? SILENT)
      return merge(found, required && !pool.wasWhole)
    },
  })

  const components: Component[] = [...own, { name: 'workers', required: true, check: open }]
  return {
    components,
    async learn(member) {
      for (const [name, { required }] of Object.entries((await healthOf(member)) ?? {}))
        if (!components.some((known) => known.name === name)) components.push(merged(name, required))
    },
  }
}

const SILENT: ComponentStatus = { status: 'down', reason: 'no answer' }

async function healthOf(member: Member): Promise<Health | undefined> {
  return (await member.ask({ kind: 'health' }, PATIENCE)) as Health | undefined
}

/** The worst there is; but while one of them is well, it is not `down`, unless `all` must be well. */
function merge(found: readonly ComponentStatus[], all: boolean): ComponentStatus {
  const order = ['down', 'degraded', 'up', 'disabled'] as const
  const [worst, ...others] = found.toSorted((one, other) => order.indexOf(one.status) - order.indexOf(other.status))
  if (worst === undefined) return { status: 'down', reason: 'no worker' }
  if (worst.status !== 'down' || all || others.every(({ status }) => status === 'down')) return worst
  return { ...worst, status: 'degraded' }
}
