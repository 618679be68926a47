/**
 * Steady traffic: clients with a connection each that ask at a pace of their own, whatever became of the request before.
 *
 * Unlike `load.ts`, which asks as fast as it is answered, the rate does not fall when answers are slow.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

import { Client } from 'undici'

import { exchange, type Answer, type Ask, type Load } from './load.ts'

export interface TrafficOptions {
  readonly clients: number
  /** Requests a second, of all clients together. */
  readonly rate: number
  /** Address of loopback that the clients have; 127.0.0.1 unless told. */
  readonly from?: string
  /** Takes every answer as it comes; they are kept in `answers` when absent. */
  readonly take?: (answer: Answer) => void
}

/**
 * Starts traffic. A client that is answered later than its next turn leaves turns out, so there are no bursts.
 *
 * @param next what the request of a number is, from 0 on
 */
export function startTraffic(url: string, next: (turn: number) => Ask, options: TrafficOptions): Load {
  const { clients, rate, from = '127.0.0.1' } = options
  const answers: Answer[] = []
  const { take = (answer) => void answers.push(answer) } = options
  const pace = (1000 * clients) / rate
  const began = performance.now()
  const plan = { turn: 0, stopped: false }

  const ask = async (index: number) => {
    const client = new Client(url, { localAddress: from, headersTimeout: 20_000, bodyTimeout: 20_000 })
    for (let due = began + (index * pace) / clients; !plan.stopped; due += pace) {
      const early = due - performance.now()
      if (early > 0) await sleep(early)
      else due -= early
      if (!plan.stopped) take(await exchange(client, next(plan.turn++)))
    }
    await client.close()
  }
  const done = Promise.all(Array.from({ length: clients }, (_, index) => ask(index))).then(() => answers)
  return {
    answers,
    done,
    stop() {
      plan.stopped = true
      return done
    },
  }
}

/** What became of some requests; times in milliseconds. */
export interface Stats {
  readonly count: number
  /** Answers other than 200. */
  readonly failed: number
  readonly p50: number
  readonly p99: number
  readonly most: number
  /** How often each answer was given: `200`, `503 store_unavailable`, `0` for a broken connection. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** Sums answers up. */
export function statsOf(answers: readonly Answer[]): Stats {
  const times = answers.map(({ ms }) => ms).toSorted((one, other) => one - other)
  const outcomes: Record<string, number> = {}
  for (const { status, code } of answers) {
    const name = code === undefined ? String(status) : `${status} ${code}`
    outcomes[name] = (outcomes[name] ?? 0) + 1
  }
  return {
    count: answers.length,
    failed: answers.length - (outcomes['200'] ?? 0),
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    most: times.at(-1) ?? 0,
    outcomes,
  }
}

/** The value below which a share of sorted values lies; 0 of none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
