/**
 * The end of this turn of the event loop, when all that had already arrived has been read.
 *
 * A kept connection that the service has closed, or on which it has said what nobody asked for, is found out by then:
 * so requests on such connections wait until then, all of a turn together, which costs one immediate for all of them.
 *
 * @module
 */

/** Something that can go on. */
export interface Due {
  proceed(): void
}

let due: Due[] = []

/** Lets it proceed at the end of the turn. */
export function atEndOfTurn(one: Due): void {
  if (due.push(one) === 1) setImmediate(proceed)
}

function proceed(): void {
  const all = due
  due = []
  for (const one of all) one.proceed()
}
