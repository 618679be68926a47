/**
 * A shelf: the windows of one limit by their keys, in the order of use.
 *
 * Strangers decide how many windows there are, so they are small: a window of one entry, and nearly all are that, is
 * two numbers in columns, and only one of several is an object. With the text of its key and its place in the order
 * it takes 130 bytes, where an object in a cache of objects took 280.
 *
 * @module
 */
import { newWindow, type Quota, type Window } from './window.ts'

/** A window's place on its shelf; never 0. */
export type Slot = number

const START = 16

export class Shelf {
  readonly quota: Quota
  readonly #most: number
  readonly #slots = new Map<string, Slot>()
  #keys: string[] = ['']
  /** Of a window with one entry, when the first of it passed and how many they are; with more entries or none, `sizes` says 0. */
  #firsts = new Float64Array(START)
  #sizes = new Uint32Array(START)
  readonly #several = new Map<Slot, Window>()
  /** The order of use as a ring through slot 0, whose `newer` is the oldest and whose `older` the newest; free slots are a list by `newer`. */
  #older = new Uint32Array(START)
  #newer = new Uint32Array(START)
  #free: Slot = 0
  /** What windows from the columns, and new ones, are looked at as. */
  #one = newWindow()

  constructor(quota: Quota, most: number) {
    this.quota = quota
    this.#most = most
  }

  get size(): number {
    return this.#slots.size
  }

  /** The window that was not used for longest. */
  get oldest(): Slot | undefined {
    return this.#newer[0] || undefined
  }

  peek(key: string): Slot | undefined {
    return this.#slots.get(key)
  }

  /** As `peek`, and the window is now the one used last. */
  use(key: string): Slot | undefined {
    const slot = this.#slots.get(key)
    if (slot !== undefined && slot !== this.#older[0]) {
      this.#unlink(slot)
      this.#link(slot)
    }
    return slot
  }

  /** Makes an empty window for a key that has none; there must be room, `most` is the end of the columns. */
  add(key: string): Slot {
    const slot = this.#free === 0 ? this.#keys.length : this.#free
    if (slot === this.#firsts.length) this.#grow(Math.min(2 * slot, this.#most + 1))
    this.#free = this.#newer[slot] ?? 0
    this.#keys[slot] = key
    this.#slots.set(key, slot)
    this.#link(slot)
    return slot
  }

  dropOldest(): void {
    const slot = this.oldest
    if (slot === undefined) return
    this.#slots.delete(this.#keys[slot] ?? '')
    this.#keys[slot] = ''
    if (this.#sizes[slot] === 0) this.#several.delete(slot)
    this.#sizes[slot] = 0
    this.#unlink(slot)
    this.#newer[slot] = this.#free
    this.#free = slot
  }

  /** Does something with the window of a slot, which is good for that long only. */
  with<T>(slot: Slot, act: (window: Window) => T): T {
    const window = this.#open(slot)
    const result = act(window)
    this.#close(slot, window)
    return result
  }

  #open(slot: Slot): Window {
    const size = this.#sizes[slot] ?? 0
    if (size === 0) return this.#several.get(slot) ?? (this.#one = newWindow())
    const one = this.#one
    one.firsts[0] = this.#firsts[slot] ?? 0
    one.sizes[0] = size
    one.total = size
    return one
  }

  #close(slot: Slot, window: Window): void {
    const { firsts, sizes, total } = window
    const isOne = firsts.length <= 1
    this.#firsts[slot] = firsts[0] ?? 0
    this.#sizes[slot] = isOne ? total : 0
    if (window !== this.#one) {
      if (isOne) this.#several.delete(slot)
    } else if (!isOne) {
      this.#several.set(slot, { firsts: firsts.slice(), sizes: sizes.slice(), total })
      this.#one = newWindow()
    }
  }

  #unlink(slot: Slot): void {
    const [older, newer] = [this.#older[slot] ?? 0, this.#newer[slot] ?? 0]
    this.#newer[older] = newer
    this.#older[newer] = older
  }

  #link(slot: Slot): void {
    const newest = this.#older[0] ?? 0
    this.#newer[newest] = slot
    this.#older[slot] = newest
    this.#newer[slot] = 0
    this.#older[0] = slot
  }

  #grow(length: number): void {
    this.#firsts = grown(this.#firsts, new Float64Array(length))
    this.#sizes = grown(this.#sizes, new Uint32Array(length))
    this.#older = grown(this.#older, new Uint32Array(length))
    this.#newer = grown(this.#newer, new Uint32Array(length))
  }
}

function grown<T extends Float64Array | Uint32Array>(column: T, longer: T): T {
  longer.set(column)
  return longer
}
