/**
 * The head of an answer (RFC 9112 §4, §5 and §6), read strictly: what could be understood in two ways is refused.
 *
 * @module
 */
import { isToken, perSpelling } from '#request/fields.ts'

/** Names in lower case and values in turn, in the order of the wire. */
export type Fields = string[]

/** Where an answer's body ends: after so many bytes, with the last chunk, or with the connection. */
export type Framing = number | 'chunked' | 'close'

export interface AnswerHead {
  readonly status: number
  readonly fields: Fields
  /** As the fields say it; an answer to `HEAD` and a 304 have no body even so. */
  readonly framing: Framing
  /** Whether the service keeps the connection (RFC 9112 §9.3). */
  readonly persistent: boolean
  /** Seconds that it keeps it, where it has said so. */
  readonly keepAlive: number | undefined
}

/** Characters of a head, or of a trailer section. */
export const MOST_HEAD = 64 * 1024
const MOST_FIELDS = 2000

const forbidden = /[^\t\x20-\x7e\x80-\xff]/
const digits = /^\d{1,16}$/
/** The reason is for people, and may be missing with its space. */
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([^]*))?$/

/** A name in lower case; empty when it is no token. */
const nameOf = perSpelling((name) => (isToken(name) ? name.toLowerCase() : ''))

/**
 * Reads a head.
 *
 * @param text latin1; the head begins it
 * @param end where the empty line's CRLF begins
 * @returns the head, or what is wrong with it
 */
export function readHead(text: string, end: number): AnswerHead | string {
  const line = text.indexOf('\r\n')
  const read = statusLine.exec(text.slice(0, line))
  if (read === null) return 'no status line of HTTP/1.1'
  if (forbidden.test(read[3] ?? '')) return 'a control character in the reason'
  const fields: Fields = []
  return readFields(text, line + 2, end, fields) ?? frame(Number(read[2]), read[1] === '1', fields)
}

/**
 * Reads field lines (RFC 9112 §5): no folding, no space around a name, no control characters.
 *
 * @param at where the first line begins
 * @param end where the empty line's CRLF begins
 * @returns what is wrong with them; undefined when nothing is
 */
export function readFields(text: string, at: number, end: number, into: Fields): string | undefined {
  let start = at
  while (start < end) {
    const line = text.indexOf('\r\n', start)
    const colon = text.indexOf(':', start)
    if (colon === -1 || colon > line) return 'a field without a colon'
    const name = nameOf(text.slice(start, colon))
    if (name === '') return 'a field whose name is no token'
    const value = trimmed(text, colon + 1, line)
    if (forbidden.test(value)) return `a control character in ${name}`
    if (into.push(name, value) > 2 * MOST_FIELDS) return 'too many fields'
    start = line + 2
  }
  return undefined
}

/** Cuts a value out, without the spaces and tabs around it. */
function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Finds the end of the body (RFC 9112 §6.3), and of the connection. */
function frame(status: number, modern: boolean, fields: Fields): AnswerHead | string {
  let framing: Framing = 'close'
  let closes = false
  let keeps = modern
  let keepAlive: number | undefined
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? ''
    switch (fields[index]) {
      case 'content-length':
        if (framing !== 'close') return 'two statements of the length'
        framing = lengthOf(value)
        if (Number.isNaN(framing)) return 'a length that is no number'
        break
      case 'transfer-encoding':
        if (framing !== 'close') return 'two statements of the length'
        if (!modern || value.toLowerCase() !== 'chunked') return 'a transfer coding other than chunked'
        framing = 'chunked'
        break
      case 'connection':
        closes ||= value !== 'keep-alive' && names(value, 'close')
        keeps ||= names(value, 'keep-alive')
        break
      case 'keep-alive':
        keepAlive = secondsOf(value)
        break
      default:
    }
  }
  return { status, fields, framing, persistent: keeps && !closes, keepAlive }
}

function lengthOf(value: string): number {
  const length = digits.test(value) ? Number(value) : Number.NaN
  return length <= Number.MAX_SAFE_INTEGER ? length : Number.NaN
}

/** Whether a list of connection options names this one. */
function names(list: string, option: string): boolean {
  return list.split(',').some((one) => one.trim().toLowerCase() === option)
}

function secondsOf(value: string): number | undefined {
  const seconds = /(?:^|[\s,;])timeout=(\d{1,9})(?!\d)/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}
