/**
 * What the process that keeps the workers, the primary, and its workers say to each other.
 *
 * @module
 */
import type { ComponentStatus } from '#http/health.ts'
import type { Borrowing, Lending } from '#ratelimit/lease.ts'
import type { Address } from '#values/network.ts'

import type { ProfileKind } from '../profiler.ts'
import type { Snapshot } from './snapshot.ts'

/** What the primary wants to know; each has an answer of its own form, or none in time. */
export type Question =
  | { readonly kind: 'health' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'prepare'; readonly snapshot: Snapshot }
  | { readonly kind: 'profile'; readonly of: ProfileKind; readonly time: number }

/** What a worker begins with. */
export interface Beginning {
  /** Its number, from 0 on, and how many there are. */
  readonly worker: number
  readonly processes: number
  /** The file, by name and by contents, and how many were in force before it. */
  readonly path: string
  readonly snapshot: Snapshot
  readonly generation: number
  /** Where to listen, when told to. */
  readonly listen: Address
}

export type ToWorker =
  | { readonly kind: 'begin'; readonly beginning: Beginning }
  /** Listen. */
  | { readonly kind: 'open' }
  | { readonly kind: 'ask'; readonly turn: number; readonly question: Question }
  /** Put in force what was prepared, as this generation; without one, let go of it. */
  | { readonly kind: 'conclude'; readonly generation?: number }
  | { readonly kind: 'lend'; readonly lending: Lending }
  /** Whoever asked for the profile has left. */
  | { readonly kind: 'stop profile' }
  /** Finish; said again, at once. */
  | { readonly kind: 'drain'; readonly reason: string }

export type FromWorker =
  /** All is there but the listener. */
  | { readonly kind: 'built'; readonly generation: number }
  /** Could not be started, and why. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Nothing that it needs for its work is missing. */
  | { readonly kind: 'fit' }
  | { readonly kind: 'open' }
  | { readonly kind: 'alive' }
  | { readonly kind: 'answer'; readonly turn: number; readonly answer: unknown }
  | { readonly kind: 'borrow'; readonly borrowing: Borrowing }

/** The answer about health: the parts of a worker. */
export type Health = Readonly<Record<string, { readonly required: boolean; readonly status: ComponentStatus }>>

/** The answer to a version that is to be built: why it cannot be, if it cannot. */
export interface Preparation {
  readonly problem?: string
}

/** Milliseconds between two signs of life. */
export const ALIVE_EVERY = 1000
