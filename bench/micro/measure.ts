/**
 * Measuring: a question and the reference in turn, in many short rounds; what counts is the rounds of each that were disturbed least.
 *
 * What is read is the processor time of the process, so a neighbour that takes the core away costs a round cold caches alone.
 * A neighbour on the other half of the core costs more, and not every kind of work the same: medians of ratios moved by a fifth
 * between two runs on a busy machine. Rounds of a third of a millisecond find the gaps, and the twentieth part of them is enough.
 *
 * @module
 */
import { percentile } from '../statistics.ts'
import type { Subject } from './question.ts'
import { reference, referenceMaterials } from './reference.ts'

/** What one process found out. */
export interface Measurement {
  /** Nanoseconds a turn takes here and now. */
  readonly nanoseconds: number
  /** How many turns of the reference it is worth. */
  readonly ratio: number
}

/** How long is measured, in milliseconds. */
export interface Effort {
  /** Until V8 has compiled what is worth it. */
  readonly warmUp: number
  readonly time: number
}

const ROUND = 300 // microseconds
const UNDISTURBED = 0.05 // share of the rounds
const FEW = 20 // turns of the first, tentative round
const BATCH = 250 // turns: material for more would grow old in the heap

/** Keeps results alive, so that no compiler can leave the work out. */
const kept: { last: unknown } = { last: undefined }

/** Measures in this process, which should do nothing else. */
export function measure(subject: Subject, { warmUp, time }: Effort): Measurement {
  const own = createTimer(subject)
  const fixed = createTimer({ materials: referenceMaterials, work: reference as Subject['work'] })
  alternate(warmUp, own, fixed)
  for (const timer of [own, fixed]) timer.forget()
  alternate(time, own, fixed)
  const undisturbed = own.undisturbed()
  return { nanoseconds: undisturbed * 1000, ratio: undisturbed / fixed.undisturbed() }
}

function alternate(milliseconds: number, ...timers: readonly Timer[]): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end) for (const timer of timers) timer.round()
}

interface Timer {
  /** Works for about the length of a round. */
  round(): void
  forget(): void
  /** Microseconds a turn takes when nothing disturbs. */
  undisturbed(): number
}

function createTimer(subject: Subject): Timer {
  let turns = FEW
  let times: number[] = []
  return {
    round() {
      const took = timeOf(subject, turns)
      times.push(took / turns)
      turns = Math.max(FEW, Math.min(turns * 4, Math.round((turns * ROUND) / Math.max(took, 1))))
    },
    forget() {
      times = []
    },
    undisturbed: () => percentile(Float64Array.from(times).sort(), UNDISTURBED),
  }
}

/** Microseconds of processor time that some turns take. */
function timeOf(subject: Subject, turns: number): number {
  let spent = 0
  for (let left = turns; left > 0; left -= BATCH) spent += batchTime(subject, Math.min(left, BATCH))
  return spent
}

function batchTime({ materials, work }: Subject, turns: number): number {
  const batch = materials(turns)
  const before = process.cpuUsage()
  for (let turn = 0; turn < turns; turn += 1) kept.last = work(batch[turn])
  const { user, system } = process.cpuUsage(before)
  return user + system
}
