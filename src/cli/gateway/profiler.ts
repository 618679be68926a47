/**
 * Profiles of the running process, taken by a session of V8's inspector inside it: no port is opened.
 *
 * They hold names of functions, files and lines, and how often each was met; no values. Snapshots of the heap, which
 * hold every token in memory, are not offered.
 *
 * @module
 */
import type { Session } from 'node:inspector/promises'
import { setTimeout as pause } from 'node:timers/promises'

/** Where processor time goes, or what allocates memory. */
export type ProfileKind = 'cpu' | 'heap'

/** Takes a profile for some milliseconds, or until the signal: then there is none. Rejects when V8 does not let us. */
export type Profile = (kind: ProfileKind, time: number, signal: AbortSignal) => Promise<string | undefined>

/** Microseconds between two looks at the stack: some 2 % of the processor. */
const CPU_INTERVAL = 1000
/** Bytes allocated between two samples, on average. */
const HEAP_INTERVAL = 32 * 1024

/** Takes a profile of this process, as JSON that developer tools open. */
export const profileThis: Profile = async (kind, time, signal) => {
  const inspector = await import('node:inspector/promises')
  const session = new inspector.Session()
  session.connect()
  try {
    const stop = await (kind === 'cpu' ? startCpu(session) : startHeap(session))
    await pause(time, undefined, { signal }).catch(() => undefined)
    return signal.aborted ? undefined : JSON.stringify((await stop()).profile)
  } finally {
    session.disconnect() // ends what still runs
  }
}

async function startCpu(session: Session) {
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL })
  await session.post('Profiler.start')
  return () => session.post('Profiler.stop')
}

/** What was collected in the meantime is counted too: it is what requests leave behind. */
async function startHeap(session: Session) {
  const collected = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true }
  await session.post('HeapProfiler.enable')
  await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL, ...collected })
  return () => session.post('HeapProfiler.stopSampling')
}
