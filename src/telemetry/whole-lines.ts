/**
 * Lines of several processes in one pipe: the system keeps the bytes of one write together only up to `PIPE_BUF`
 * (pipe(7)), so what is written at once is at most that much, and ends with a line.
 *
 * @module
 */

/** Bytes that Linux writes to a pipe as a whole, or not at all. */
export const PIPE_BUF = 4096

const WIDEST = 3 // bytes of UTF-8 per code unit

/** Cuts text at ends of lines into pieces of at most `most` bytes; a line that is longer is shortened. */
export function wholeLines(text: string, most = PIPE_BUF): string[] {
  const pieces: string[] = []
  let start = 0
  while (start < text.length) {
    let end = text.lastIndexOf('\n', start + most - 1) + 1
    if (end <= start || Buffer.byteLength(text.slice(start, end)) > most)
      end = text.lastIndexOf('\n', start + Math.floor(most / WIDEST) - 1) + 1
    const fits = end > start
    if (!fits) end = text.indexOf('\n', start) + 1 || text.length
    const piece = text.slice(start, end)
    pieces.push(fits || Buffer.byteLength(piece) <= most ? piece : shortened(piece, most))
    start = end
  }
  return pieces
}

/** The same JSON line with its longest values cut, which `cut` tells. */
function shortened(line: string, most: number): string {
  const parsed: unknown = JSON.parse(line)
  for (const longest of [1024, 256, 64]) {
    const text = `${JSON.stringify({ ...Object(parsed), cut: true }, (_, value: unknown) => shorter(value, longest))}\n`
    if (Buffer.byteLength(text) <= most) return text
  }
  return '{"level":"error","msg":"line too long"}\n'
}

function shorter(value: unknown, longest: number): unknown {
  return typeof value === 'string' && value.length > longest ? `${value.slice(0, longest).toWellFormed()}…` : value
}
