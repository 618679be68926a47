/**
 * The chunked transfer coding of an answer (RFC 9112 §7.1), read strictly.
 *
 * @module
 */
import { MOST_HEAD, readFields, type Fields } from './answer-head.ts'

const MOST_SIZE_LINE = 4096 // characters, extensions included
const LF = 0x0a

const tchar = "[!#$%&'*+\\-.^_`|~\\w]"
const quoted = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"'
const extensions = new RegExp(`^(?:;${tchar}+(?:=(?:${tchar}+|${quoted}))?)*$`)
const sizeDigits = /^[\da-fA-F]{1,16}$/

/** What has come of a body in chunks. */
export class Chunks {
  /** Fields of the trailer section; undefined until the end has come. */
  trailers: Fields | undefined
  #data: (part: Uint8Array) => void
  /** Bytes left of the chunk; -1 within a line. */
  #left = -1
  /** What has come of the line, or of the trailer section. */
  #text = ''
  #reading: 'size' | 'data' | 'end of data' | 'trailers' = 'size'

  /** @param data is given each part of the body, which it must copy */
  constructor(data: (part: Uint8Array) => void) {
    this.#data = data
  }

  /**
   * Takes bytes as they come.
   *
   * @returns how many were of the body: all of them, or up to its end; or what is wrong with them
   */
  take(bytes: Buffer): number | string {
    let at = 0
    while (at < bytes.length && this.trailers === undefined) {
      if (this.#reading === 'data') at += this.#takeData(bytes, at)
      else {
        const end = bytes.indexOf(LF, at) + 1
        this.#text += bytes.toString('latin1', at, end === 0 ? bytes.length : end)
        at = end === 0 ? bytes.length : end
        const fault = end === 0 ? this.#checkLength() : this.#takeLine()
        if (fault !== undefined) return fault
      }
    }
    return at
  }

  #takeData(bytes: Buffer, at: number): number {
    const part = bytes.subarray(at, at + this.#left)
    this.#left -= part.length
    if (this.#left === 0) this.#reading = 'end of data'
    this.#data(part)
    return part.length
  }

  #checkLength(): string | undefined {
    const most = { size: MOST_SIZE_LINE, 'end of data': 2, trailers: MOST_HEAD, data: 0 }[this.#reading]
    return this.#text.length > most ? 'a line of the chunked coding that is too long' : undefined
  }

  #takeLine(): string | undefined {
    const fault = this.#checkLength()
    if (fault !== undefined) return fault
    if (!this.#text.endsWith('\r\n')) return 'a bare LF in the chunked coding'
    if (this.#reading === 'trailers') return this.#takeTrailers()
    const line = this.#text.slice(0, -2)
    this.#text = ''
    return this.#reading === 'size' ? this.#takeSize(line) : this.#endData(line)
  }

  #takeSize(line: string): string | undefined {
    const [digits = '', extended] = line.split(';', 2)
    const size = sizeDigits.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
    if (!(size <= Number.MAX_SAFE_INTEGER)) return 'a chunk without a size'
    if (extended !== undefined && !extensions.test(line.slice(digits.length))) return 'a malformed chunk extension'
    this.#left = size
    this.#reading = size === 0 ? 'trailers' : 'data'
    return undefined
  }

  #endData(line: string): string | undefined {
    if (line !== '') return 'a chunk longer than its size'
    this.#reading = 'size'
    return undefined
  }

  #takeTrailers(): string | undefined {
    const end = this.#text.length - 2
    if (end > 0 && !this.#text.endsWith('\r\n\r\n')) return undefined
    const fields: Fields = []
    const fault = readFields(this.#text, 0, end, fields) ?? framingAmong(fields)
    if (fault === undefined) this.trailers = fields
    return fault
  }
}

/** What would frame the body comes too late to be believed (RFC 9110 §6.5.1). */
function framingAmong(trailers: Fields): string | undefined {
  const late = trailers.find((name, at) => at % 2 === 0 && (name === 'content-length' || name === 'transfer-encoding'))
  return late === undefined ? undefined : `${late} among the trailers`
}
