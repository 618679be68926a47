/**
 * A clock that ticks on time: Node's own timers are up to a millisecond late.
 *
 * Runs as a worker, sleeps on a futex until each tick is due, and tells its number.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'

/** Nanoseconds of `process.hrtime`. */
export interface Beat {
  readonly start: number
  readonly period: number
  readonly ticks: number
}

const { start, period, ticks } = workerData as Beat
const nobody = new Int32Array(new SharedArrayBuffer(4))

for (let tick = 0; tick < ticks; tick += 1) {
  const left = start + tick * period - Number(process.hrtime.bigint())
  if (left > 0) Atomics.wait(nobody, 0, 0, left / 1e6)
  parentPort?.postMessage(tick, [])
}
