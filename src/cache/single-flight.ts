/**
 * Single flight: many who ask for the same thing at the same time wait for one answer.
 *
 * @module
 */

export interface SingleFlight<T> {
  /** True while the flight of a key is under way. */
  has(key: string): boolean
  /** Joins the flight of a key or starts it; undefined when too many others are under way. */
  join(key: string, start: () => Promise<T>): Promise<T> | undefined
}

/**
 * Makes a group of flights.
 *
 * @param most keys under way at once
 */
export function createSingleFlight<T>(most: number): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>()

  return {
    has: (key) => flights.has(key),
    join(key, start) {
      const joined = flights.get(key)
      if (joined !== undefined) return joined
      if (flights.size >= most) return undefined
      const flight = start().finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
  }
}
