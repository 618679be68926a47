/**
 * Answers as bytes, good ones and ones with a flaw, for tests that hold several readers against each other.
 *
 * @module
 */
import * as fc from 'fast-check'

const names = fc.constantFrom('X-A', 'x-a', 'Set-Cookie', 'ETag', 'Connection', '__proto__', 'Keep-Alive', 'Upgrade')
const values = fc.oneof(
  fc.constantFrom('', '1', 'a=1; b', 'keep-alive', 'close', 'x, close', 'timeout=5', '\x80\xff', '  spaced\t', 'a,b'),
  fc.string({ unit: fc.constantFrom('a', ' ', '\t', '"', ',', '\xe9'), maxLength: 12 }),
)
const statusLines = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 404 Not Found', 'HTTP/1.1 500 ', 'HTTP/1.1 201'),
  },
  { weight: 2, arbitrary: fc.constantFrom('HTTP/1.1 204 No', 'HTTP/1.1 304 No', 'HTTP/1.0 200 OK') },
  { weight: 1, arbitrary: fc.constantFrom('HTTP/1.1 999 x', 'HTTP/1.1 099 x', 'HTTP/1.2 200 OK', 'HTTP/1.1  200 OK') },
)
const bodies = fc.string({ unit: fc.constantFrom('a', '\r', '\n', '0', '\xff', 'HTTP/1.1 '), maxLength: 40 })
const interims = fc.array(fc.constantFrom('102 Processing', '103 Early Hints'), { maxLength: 2 })

/** How a body is framed: the lines for the head, and the body as it goes out. */
const framed = fc.oneof(
  { weight: 4, arbitrary: bodies.map((body) => [`Content-Length: ${body.length}`, body] as const) },
  { weight: 1, arbitrary: fc.constant(['Content-Length: 20000', 'x'.repeat(20_000)] as const) },
  {
    weight: 4,
    arbitrary: fc
      .record({
        parts: fc.array(bodies, { maxLength: 4 }),
        extension: fc.constantFrom('', '', '', ';a', ';a=b', ';a="b c"', '; a', ';', ' '),
        trailers: fc.constantFrom('', '', 'X-Sum: 1\r\n', 'a: 1\r\nA: 2\r\n', 'a : 1\r\n', 'Content-Length: 1\r\n'),
      })
      .map(({ parts, extension, trailers }) => {
        const chunks = parts.filter((part) => part !== '')
        const coded = chunks.map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`)
        return ['Transfer-Encoding: chunked', `${coded.join('')}0\r\n${trailers}\r\n`] as const
      }),
  },
  { weight: 1, arbitrary: bodies.map((body) => ['', body] as const) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom(
        'Content-Length: 1\r\nContent-Length: 1',
        'Content-Length: 1, 1',
        'Content-Length: -1',
        'Content-Length: 5',
        'Content-Length: 1\r\nTransfer-Encoding: chunked',
        'Transfer-Encoding: gzip, chunked',
        'Transfer-Encoding: gzip',
        'Transfer-Encoding: identity',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
      ),
      bodies,
    ),
  },
)

/** Some byte put in, taken out or exchanged: where, and what. */
const flaws = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('insert', 'replace', 'delete', 'cut'),
  bytes: fc.constantFrom('\r', '\n', '\r\n', ' ', '\t', '\0', ':', ';', '\x7f', '0', '9', 'f', 'x', '\x80', '\r\n '),
})

/** One answer, with interim ones before it at times; about half of them are flawed. */
export const answerBytes: fc.Arbitrary<string> = fc
  .record({
    interims,
    line: statusLines,
    fields: fc.array(fc.tuple(names, fc.constantFrom(':', ': ', ':\t '), values), { maxLength: 5 }),
    framed,
    before: fc.nat(5),
    flaw: fc.option(flaws),
  })
  .map(({ interims: before, line, fields, framed: [framing, body], before: position, flaw }) => {
    const lines = fields.map((field) => field.join(''))
    if (framing !== '') lines.splice(position, 0, framing)
    const early = before.map((status) => `HTTP/1.1 ${status}\r\nLink: </a>\r\n\r\n`).join('')
    const whole = `${early}${[line, ...lines].join('\r\n')}\r\n\r\n${body}`
    return flaw === null ? whole : spoil(whole, flaw)
  })

function spoil(text: string, { at, kind, bytes }: { at: number; kind: string; bytes: string }): string {
  const place = at % (text.length + 1)
  if (kind === 'cut') return text.slice(0, place)
  const after = kind === 'insert' ? place : place + 1
  return text.slice(0, place) + (kind === 'delete' ? '' : bytes) + text.slice(after)
}
