/**
 * Answers on the wire, read strictly: what could be read in two ways is called garbled, not guessed.
 *
 * @module
 */

export interface Answer {
  readonly status: number
  /** Status line and fields as latin1 text. */
  readonly head: string
  readonly body: Buffer
}

export interface Reading {
  /** Complete answers, 1xx ones among them. */
  readonly answers: readonly Answer[]
  /** True when what follows them is no answer, or one whose end nobody can tell. */
  readonly garbled: boolean
  /** True when bytes of one more answer are there. */
  readonly partial: boolean
}

const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?$/
const fieldLine = /^([!#$%&'*+\-.^_`|~\w]+):([^\r\n\0]*)$/
const garbled = Symbol('garbled')

type Taken = { readonly answer: Answer; readonly end: number } | undefined | typeof garbled

/**
 * Reads everything that arrived.
 *
 * @param method of the first request: HEAD has answers without bodies
 * @param closed true when nothing more will come
 */
export function readAnswers(bytes: Buffer, method: string, closed: boolean): Reading {
  const answers: Answer[] = []
  let rest = bytes
  let first = true
  while (rest.length > 0) {
    const taken = take(rest, first && method === 'HEAD', closed)
    if (taken === garbled) return { answers, garbled: true, partial: false }
    if (taken === undefined) return { answers, garbled: closed, partial: true }
    answers.push(taken.answer)
    if (taken.answer.status >= 200) first = false
    rest = rest.subarray(taken.end)
    if (taken.answer.status === 101) break // what follows is another protocol
  }
  return { answers, garbled: false, partial: false }
}

function take(bytes: Buffer, headOnly: boolean, closed: boolean): Taken {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return 'HTTP/'.startsWith(bytes.toString('latin1', 0, 5)) ? undefined : garbled
  const head = bytes.subarray(0, end).toString('latin1')
  const [line = '', ...lines] = head.split('\r\n')
  const status = Number(statusLine.exec(line)?.[1])
  const fields = lines.map((one) => fieldLine.exec(one))
  if (Number.isNaN(status) || fields.includes(null)) return garbled
  const all = (name: string) => fields.flatMap((one) => (one?.[1]?.toLowerCase() === name ? [one[2] ?? ''] : []))

  const length = lengthOf(all('content-length'), all('transfer-encoding'))
  if (length === garbled) return garbled
  const none = headOnly || status < 200 || status === 204 || status === 304
  const body = none ? { body: Buffer.alloc(0), end: 0 } : takeBody(bytes.subarray(end + 4), length, closed)
  if (body === undefined || body === garbled) return body
  return { answer: { status, head, body: body.body }, end: end + 4 + body.end }
}

type Length = number | 'chunked' | 'close'

function lengthOf(lengths: readonly string[], codings: readonly string[]): Length | typeof garbled {
  if (lengths.length + codings.length > 1) return garbled
  const [length, coding] = [lengths[0], codings[0]]
  if (coding !== undefined) return /^[ \t]*chunked[ \t]*$/i.test(coding) ? 'chunked' : garbled
  if (length === undefined) return 'close'
  return /^[ \t]*\d{1,15}[ \t]*$/.test(length) ? Number(length) : garbled
}

type TakenBody = { readonly body: Buffer; readonly end: number } | undefined | typeof garbled

function takeBody(bytes: Buffer, length: Length, closed: boolean): TakenBody {
  if (length === 'chunked') return takeChunks(bytes)
  if (length === 'close') return closed ? { body: bytes, end: bytes.length } : undefined
  return bytes.length < length ? undefined : { body: bytes.subarray(0, length), end: length }
}

function takeChunks(bytes: Buffer): TakenBody {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const line = bytes.subarray(at, end).toString('latin1')
    if (!/^[\da-f]{1,8}(?:[ \t]*;.*)?$/i.test(line)) return garbled
    const size = Number.parseInt(line, 16)
    at = end + 2
    if (size === 0) return takeTrailers(bytes, at, parts)
    if (bytes.length < at + size + 2) return undefined
    if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n') return garbled
    parts.push(bytes.subarray(at, at + size))
    at += size + 2
  }
}

function takeTrailers(bytes: Buffer, from: number, parts: readonly Buffer[]): TakenBody {
  let at = from
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const line = bytes.subarray(at, end).toString('latin1')
    at = end + 2
    if (line === '') return { body: Buffer.concat(parts), end: at }
    if (!fieldLine.test(line)) return garbled
  }
}
