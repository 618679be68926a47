/**
 * What a profile says in a table: where the time went, or who allocated.
 *
 * @module
 */
import { z } from 'zod'

/** A function, and what it did itself: microseconds or bytes. */
export interface HotSpot {
  readonly name: string
  /** File and line, as short as they can be told apart. */
  readonly place: string
  readonly own: number
}

export interface HotSpots {
  /** The largest first. */
  readonly spots: readonly HotSpot[]
  /** Of all of them, idleness left out. */
  readonly total: number
  /** Microseconds without work; 0 in a profile of allocations. */
  readonly idle: number
}

const callFrame = z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() })
type CallFrame = z.infer<typeof callFrame>

const cpuProfile = z.object({
  nodes: z.array(z.object({ id: z.number(), callFrame })),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
})

const heapNode = z.object({
  callFrame,
  selfSize: z.number(),
  get children() {
    return z.array(heapNode)
  },
})

/** Adds up a `.cpuprofile`. @throws ZodError when it is none */
export function cpuHotSpots(profile: unknown): HotSpots {
  const { nodes, samples, timeDeltas } = cpuProfile.parse(profile)
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]))
  const sums = new Sums()
  for (const [index, id] of samples.entries()) sums.add(frames.get(id), timeDeltas[index] ?? 0)
  return sums.read()
}

/** Adds up a `.heapprofile`. @throws ZodError when it is none */
export function heapHotSpots(profile: unknown): HotSpots {
  const { head } = z.object({ head: heapNode }).parse(profile)
  const sums = new Sums()
  const waiting = [head]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    sums.add(node.callFrame, node.selfSize)
    waiting.push(...node.children)
  }
  return sums.read()
}

class Sums {
  #spots = new Map<string, HotSpot>()
  #total = 0
  #idle = 0

  add(frame: CallFrame | undefined, own: number): void {
    if (frame === undefined || own <= 0) return
    if (frame.functionName === '(idle)') {
      this.#idle += own
      return
    }
    const [name, place] = [frame.functionName || '(anonymous)', placeOf(frame)]
    const key = `${name} ${place}`
    this.#total += own
    this.#spots.set(key, { name, place, own: own + (this.#spots.get(key)?.own ?? 0) })
  }

  read(): HotSpots {
    const spots = [...this.#spots.values()].sort((one, other) => other.own - one.own)
    return { spots, total: this.#total, idle: this.#idle }
  }
}

/** `src/gate/decide.ts:42`, `jose/dist/…`, `node:net:7`; nothing for V8's own work. */
function placeOf({ url, lineNumber }: CallFrame): string {
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^file:\/\/.*\/(?=src\/)/, '')
  return file === '' ? '' : `${file}:${lineNumber + 1}`
}
