/**
 * Key sets, shared by source: what issuers' keys the process holds, across reloads of the file.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'

import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import { createVerifiedTokens, type VerifiedTokens } from './jwt/verified.ts'
import { createKeyClient, type Connect } from './key-sets/client.ts'
import { loadByDiscovery } from './key-sets/discovery.ts'
import { filePace, loadFromFile } from './key-sets/file.ts'
import { LoadedKeySet, type KeySet, type KeySetStatus } from './key-sets/key-set.ts'
import type { KeySource, LoadKeys, Pace } from './key-sets/source.ts'
import { loadFromUrl } from './key-sets/url.ts'

const loaders = {
  url: loadFromUrl,
  file: loadFromFile,
  discovery: loadByDiscovery,
} as const satisfies Record<KeySource['kind'], (at: string, connect: Connect) => LoadKeys>

export interface KeySets {
  /** The set of a source; the first to ask starts its loading and names it in logs and metrics. */
  get(source: KeySource, authenticator: string): KeySet
  /** Stops every set whose source is not in use any more; call it when a new file is in force. */
  retain(sources: readonly KeySource[]): void
  /** For `/readyz`, and on each scrape for the age metric. */
  status(): readonly KeySetStatus[]
  /** Tokens whose signature one of these keys has proved. */
  readonly verified: VerifiedTokens
  close(): Promise<void>
}

export interface KeySetsOptions {
  readonly metrics: Metrics
  readonly log: Logger
  /** Milliseconds that only ever grow; the process's own by default. */
  readonly monotonic?: () => number
}

/** Makes the registry of the process. */
export function createKeySets({ metrics, log, monotonic = () => performance.now() }: KeySetsOptions): KeySets {
  const client = createKeyClient()
  const sets = new Map<string, LoadedKeySet>()

  const status = () => [...sets.values()].map((set) => set.status())
  Object.assign(metrics.keySetAge, { collect: () => void status() })

  const drop = (id: string, set: LoadedKeySet) => {
    set.stop()
    sets.delete(id)
  }

  return {
    get(source, authenticator) {
      const id = idOf(source)
      const known = sets.get(id)
      if (known !== undefined) return known
      const context = { authenticator, metrics, log, monotonic }
      const set = new LoadedKeySet(loaders[source.kind](source.at, client.connect), paceOf(source), context)
      sets.set(id, set)
      return set
    },
    retain(sources) {
      const used = new Set(sources.map(idOf))
      for (const [id, set] of sets) if (!used.has(id)) drop(id, set)
    },
    status,
    verified: createVerifiedTokens(),
    async close() {
      for (const [id, set] of sets) drop(id, set)
      await client.close()
    },
  }
}

function idOf({ kind, at, pace }: KeySource): string {
  return JSON.stringify([kind, at, pace.cooldown, pace.refresh, pace.max_stale])
}

function paceOf({ kind, pace }: KeySource): Pace {
  return kind === 'file' ? { ...pace, ...filePace } : pace
}
