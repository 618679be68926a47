/**
 * Single flight: many who ask for the same thing at the same time wait for one answer.
 *
 * @module
 */

/**
 * Makes a group of flights.
 *
 * @param most keys under way at once
 * @returns joins the flight of a key or starts it; undefined when too many others are under way
 */
export function createSingleFlight<T>(most: number) {
  const flights = new Map<string, Promise<T>>()

  return (key: string, start: () => Promise<T>): Promise<T> | undefined => {
    const joined = flights.get(key)
    if (joined !== undefined) return joined
    if (flights.size >= most) return undefined
    const flight = start().finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }
}
