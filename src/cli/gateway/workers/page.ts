/**
 * One page of metrics for all processes: counters and histograms added up, gauges as each of them says.
 *
 * What a worker had counted when it was last asked stays on the page when it dies: no counter goes back.
 *
 * @module
 */
import { AggregatorRegistry, type Registry } from 'prom-client'

import type { Member } from './member.ts'

type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

const PATIENCE = 700 // milliseconds; the page has a second

export interface Page extends Pick<Registry, 'metrics' | 'contentType'> {
  /** Keeps what a worker counted that is gone. */
  keep(member: Member): void
}

/** @param own what this process counts itself */
export function createPage(own: Registry, members: () => readonly Member[]): Page {
  const last = new WeakMap<Member, Metrics>()
  let kept: Metrics = []
  let keeping = Promise.resolve()

  const of = async (member: Member): Promise<Metrics> => {
    const answer = await member.ask({ kind: 'metrics' }, PATIENCE)
    if (Array.isArray(answer)) last.set(member, answer as Metrics)
    return member.state === 'ended' ? [] : (last.get(member) ?? []) // else it is kept by now
  }

  return {
    contentType: own.contentType,
    async metrics() {
      const asked = members().map(of)
      await keeping
      const pages = await Promise.all([own.getMetricsAsJSON(), ...asked])
      return AggregatorRegistry.aggregate([...pages, kept]).metrics()
    },
    keep(member) {
      const counted = (last.get(member) ?? []).filter(({ type }) => isCounted(String(type)))
      const add = async () => {
        kept = await AggregatorRegistry.aggregate([kept, counted]).getMetricsAsJSON()
      }
      keeping = keeping.then(add)
    },
  }
}

function isCounted(type: string): boolean {
  return type === 'counter' || type === 'histogram'
}
