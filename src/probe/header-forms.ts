/**
 * How cases of headers are made: a read with some fields, of one path or another.
 *
 * @module
 */
import { MARK, requestText, type Aim, type Bar, type Form } from './case.ts'

export type Fields = (aim: Aim) => readonly string[]

export const get = (path: string, aim: Aim, fields: readonly string[]) =>
  requestText(`GET ${path} HTTP/1.1`, [`Host: ${aim.host}`, ...fields])

/** On a path that shows what the service received. */
export const shown = (name: string, fields: Fields, bar: Bar = 'dropped'): Form => ({
  name,
  bar,
  send: (aim) => get(aim.shown, aim, [...aim.lines, ...fields(aim)]),
})

/** By a stranger, on a path that is closed to strangers. */
export const stranger = (name: string, fields: Fields): Form => ({
  name,
  bar: 'outside',
  send: (aim) => get(aim.closed, aim, fields(aim)),
})

export const open = (name: string, bar: Bar, fields: Fields): Form => ({
  name,
  bar,
  send: (aim) => get(aim.open, aim, fields(aim)),
})

export const named = (...names: readonly string[]): Form[] =>
  names.map((name) => shown(name, () => [`${name}: ${MARK}`]))
