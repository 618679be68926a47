/**
 * Where WebSocket frames begin and end (RFC 6455 §5.2) in bytes that are passed on unread:
 * only between two of them may somebody else put in a word.
 *
 * @module
 */
const CLOSE = 0x8
const LONGEST_HEADER = 14

/** Follows the bytes of one direction. */
export class Frames {
  /** Of the frame that has begun; its first bytes only. */
  #header = Buffer.alloc(LONGEST_HEADER)
  #filled = 0
  /** Bytes of its payload that are still to come. */
  #left = 0
  #closed = false

  /** True when a frame may be put in here: none is half-way, and none has said that it is the last. */
  get between(): boolean {
    return this.#filled === 0 && this.#left === 0 && !this.#closed
  }

  /** Takes the next bytes. */
  follow(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at)
        this.#left -= taken
        at += taken
      } else {
        this.#header[this.#filled] = bytes[at] ?? 0
        this.#filled += 1
        at += 1
        if (this.#filled === headerLength(this.#header, this.#filled)) this.#begin()
      }
    }
  }

  #begin(): void {
    this.#left = payloadLength(this.#header)
    this.#filled = 0
    if (((this.#header[0] ?? 0) & 0xf) === CLOSE) this.#closed = true
  }
}

/** A close frame of a server's: unmasked, without a reason. */
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x80 | CLOSE, 2, code >> 8, code & 0xff])
}

function headerLength(header: Buffer, filled: number): number {
  if (filled < 2) return 2
  const second = header[1] ?? 0
  const extended = (second & 0x7f) === 127 ? 8 : (second & 0x7f) === 126 ? 2 : 0
  return 2 + extended + (second & 0x80 ? 4 : 0)
}

function payloadLength(header: Buffer): number {
  const short = (header[1] ?? 0) & 0x7f
  if (short < 126) return short
  return short === 126 ? header.readUInt16BE(2) : header.readUInt32BE(2) * 2 ** 32 + header.readUInt32BE(6)
}
