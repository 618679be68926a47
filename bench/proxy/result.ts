/**
 * What was measured of a candidate.
 *
 * @module
 */
import type { Group } from './candidate.ts'
import type { Layers } from './layers.ts'
import type { Paced } from './loads.ts'

/** A round of load. */
export interface Load {
  /** Requests, or messages, per second. */
  readonly rate: number
  /** Microseconds of processor time per request, of all processes and threads of the candidate. */
  readonly cpu: number
  /** Most resident memory that was seen in the round, MiB. */
  readonly rss: number
}

export interface Result {
  readonly id: string
  readonly group: Group
  readonly title: string
  /** By round. */
  readonly loads: readonly Load[]
  /** By rate, then by round. */
  readonly paced: Readonly<Record<string, readonly Paced[]>>
  /** MiB before any load, and at most; undefined for the upstream itself. */
  readonly memory: { readonly start: number; readonly peak: number } | undefined
  /** Shares of each cache's answers by layer; empty for others than Heimdall. */
  readonly layers: Layers
}

/** Memory of a gateway in MiB before and after it met many tokens, and how many. */
export interface Remembered {
  readonly tokens: number
  readonly before: number
  readonly after: number
}

/** Everything that a run measured. */
export interface Measured {
  readonly results: readonly Result[]
  readonly remembered: Remembered | undefined
  /** What other programs of `bench/` measured, by script. */
  readonly elsewhere: Readonly<Record<string, unknown>>
}

/** What it is called where candidates of several groups are side by side. */
export function nameOf({ group, title }: Result): string {
  return group === 'proxies' ? title : `Heimdall: ${title}`
}

export const cpuOf = ({ loads }: Result): number[] => loads.map(({ cpu }) => cpu)
