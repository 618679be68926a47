/**
 * One page of metrics for all processes.
 *
 * What a worker had counted when it was last asked stays on the page when it dies: no counter goes back.
 *
 * @module
 */
import type { Registry } from '#telemetry/prom-client.ts'

import { addUp, asText, type Told } from './add-up.ts'
import type { Member } from './member.ts'

const PATIENCE = 700 // milliseconds; the page has a second

export interface Page extends Pick<Registry, 'metrics' | 'contentType'> {
  /** Keeps what a worker counted that is gone. */
  keep(member: Member): void
}

/** @param own what this process counts itself */
export function createPage(own: Registry, members: () => readonly Member[]): Page {
  const last = new WeakMap<Member, readonly Told[]>()
  let kept: readonly Told[] = []

  const ask = async (member: Member): Promise<void> => {
    const answer = await member.ask({ kind: 'metrics' }, PATIENCE)
    if (Array.isArray(answer) && member.state !== 'ended') last.set(member, answer as Told[])
  }

  return {
    contentType: own.contentType,
    async metrics() {
      await Promise.all(members().map(ask))
      const ours = (await own.getMetricsAsJSON()) as unknown as readonly Told[]
      return asText(addUp([ours, ...members().map((member) => last.get(member) ?? []), kept]))
    },
    keep(member) {
      const counted = (last.get(member) ?? []).filter(({ type }) => type === 'counter' || type === 'histogram')
      kept = addUp([kept, counted])
    },
  }
}
