/**
 * Random hostile requests: arbitraries that put together, from what has gone wrong elsewhere, what has not been thought of.
 *
 * @module
 */
import * as fc from 'fast-check'

import { API_KEY } from './fortress.ts'

const pieces = <T>(...lists: readonly (readonly T[])[]) => fc.constantFrom(...lists.flat())

const separators = ['-', '-', '-', '_', '.', '!', '~', '--', '|', '+', '*', "'", '^']
const believed = [
  ['x', 'heimdall', 'subject'],
  ['x', 'heimdall', 'roles'],
  ['x', 'forwarded', 'for'],
  ['x', 'forwarded', 'proto'],
  ['x', 'forwarded', 'user'],
  ['x', 'auth', 'request', 'user'],
  ['remote', 'user'],
  ['x', 'real', 'ip'],
  ['x', 'original', 'url'],
  ['x', 'request', 'id'],
  ['x', 'http', 'method', 'override'],
  ['forwarded'],
  ['proxy'],
  ['content', 'length'],
  ['transfer', 'encoding'],
  ['authorization'],
  ['x', 'api', 'key'],
]

const cased = (word: string) =>
  fc.constantFrom(word, word.toUpperCase(), (word[0] ?? '').toUpperCase() + word.slice(1), word.replace('o', 'O'))

/** A believed name with other marks between its words, around them, and in another case. */
const respelled = fc.constantFrom(...believed).chain((words) =>
  fc
    .tuple(
      fc.tuple(...words.map(cased)),
      fc.array(fc.constantFrom(...separators), { minLength: words.length, maxLength: words.length }),
      fc.constantFrom('', '', '', '_', '-', '~', '!', '.'),
      fc.constantFrom('', '', '', '', '', '', '', '', '', '_', '-', '!', '\xa0', ' '),
    )
    .map(([parts, marks, before, behind]) => {
      const [first = '', ...others] = parts
      return before + first + others.map((word, index) => `${marks[index]}${word}`).join('') + behind
    }),
)

const otherNames = pieces(
  ['Host', 'Connection', 'Upgrade', 'TE', 'Trailer', 'Keep-Alive', 'Expect', 'Cookie', 'Origin', 'Content-Type', 'Via'],
  ['__proto__', 'constructor', 'hasOwnProperty', '0', '1', 'X', 'Sec-WebSocket-Key', 'Proxy-Connection', 'traceparent'],
)

const value = pieces(
  ['root', 'admin', '127.0.0.1', '', '0', '5', '05', '5, 5', 'chunked', 'gzip, chunked', 'close', 'h2c', 'websocket'],
  [
    'Bearer a.b.c',
    'Basic eDp5',
    API_KEY,
    'https://app.test',
    'gateway.test',
    '[::1]',
    'miracles',
    'trailers',
    '100-continue',
  ],
  ['\x85admin\xa0', 'a\tb', 'a\0b', 'a\rb', 'a\nX-Heimdall-Subject: root', 'a\r\n b', 'x'.repeat(300), '/public/x'],
)

/** Name and value. */
export const field: fc.Arbitrary<readonly [string, string]> = fc.tuple(
  fc.oneof({ weight: 3, arbitrary: respelled }, { weight: 1, arbitrary: otherNames }),
  value,
)

/** What `Connection` lines name. */
export const connectionTokens: fc.Arbitrary<readonly string[]> = fc.array(
  fc
    .array(fc.oneof(respelled, pieces(['close', 'keep-alive', 'Upgrade', 'TE', '', 'host', 'cookie'])), {
      maxLength: 4,
    })
    .map((tokens) => tokens.join(', ')),
  { maxLength: 2 },
)

/** Targets made of what parsers disagree about; not below `/strip`, which may well lead a stranger to `/admin`. */
export const target: fc.Arbitrary<string> = fc
  .tuple(
    pieces(['/public', '/rewrite/q', '/encoded', '/maybe', '/roles', '/admin', '', '/shadow', 'http://gateway.test']),
    fc.array(
      pieces(
        [
          '/',
          '/',
          '/',
          '//',
          '\\',
          '.',
          '..',
          '../',
          './',
          '%2e',
          '%2E',
          '%2f',
          '%2F',
          '%5c',
          ';',
          '%3b',
          '%00',
          '%0a',
        ],
        [
          'admin',
          'admin',
          'x',
          '%61dmin',
          'ADMIN',
          'public',
          '%25',
          '%252e',
          '%252f',
          '?',
          '%3f',
          '#',
          '%23',
          '%20',
          '@',
        ],
        [
          '%c0%ae',
          '%c0',
          '%e0%80%af',
          '%uff0e',
          '%',
          '%2',
          '\t',
          ' ',
          '\0',
          '\xa0',
          '~',
          '*',
          ':',
          'evil.test',
          '=',
          '&',
        ],
      ),
      { maxLength: 9 },
    ),
  )
  .map(([from, parts]) => from + parts.join(''))

export interface Chunks {
  readonly bytes: string
  /** What a strict reader makes of them; undefined when they are broken. */
  readonly body: string | undefined
}

const damages: readonly ((chunk: string, size: string) => string)[] = [
  (chunk, size) => chunk.replace(`${size}\r\n`, `${size}\n`),
  (chunk, size) => chunk.replace(`${size}\r\n`, `${size}\r`),
  (chunk, size) => chunk.replace(size, `0x${size}`),
  (chunk, size) => chunk.replace(size, `+${size}`),
  (chunk, size) => chunk.replace(size, `-${size}`),
  (chunk, size) => chunk.replace(size, ` ${size}`),
  (chunk, size) => chunk.replace(size, `${size}_`),
  (chunk, size) => chunk.replace(size, `${size};a\nb`),
  (chunk, size) => chunk.replace(size, `1${size.padStart(16, '0')}`),
  (chunk, size) => chunk.replace(size, (Number.parseInt(size, 16) + 1).toString(16)),
  (chunk) => `${chunk.slice(0, -2)}\n`,
  (chunk) => `${chunk.slice(0, -2)}XX`,
]

/** A chunked body, whole or damaged in one place. */
export const chunks: fc.Arbitrary<Chunks> = fc
  .record({
    parts: fc.array(fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom('a', '\r', '\n', '0', ':', ' ') }), {
      minLength: 1,
      maxLength: 5,
    }),
    extension: fc.constantFrom('', '', ';a', ';a=b', ';a="b"'),
    zeros: fc.constantFrom('', '', '0', '00'),
    trailers: fc.constantFrom('', '', 'X-Heimdall-Subject: root\r\n', 'X: y\r\nContent-Length: 5\r\n'),
    damage: fc.option(fc.constantFrom(...damages), { nil: undefined }),
  })
  .map(({ parts, extension, zeros, trailers, damage }) => {
    const framed = parts.map((part) => {
      const size = zeros + part.length.toString(16)
      return { size, chunk: `${size}${extension}\r\n${part}\r\n` }
    })
    const bytes = framed.map(({ size, chunk }, index) => (damage && index === 0 ? damage(chunk, size) : chunk)).join('')
    // A length among the trailers is one framing too many: such a body is refused at its very end.
    const broken = trailers.includes('Length') || bytes !== framed.map(({ chunk }) => chunk).join('')
    return { bytes: `${bytes}0\r\n${trailers}\r\n`, body: broken ? undefined : parts.join('') }
  })

const methods = ['HEAD', 'OPTIONS', 'PUT', 'QUERY', 'TRACE', 'CONNECT', 'PRI', 'get']
const bodies = [
  ['', 'hello', '5\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\nX-Heimdall-Subject: root\r\n\r\n', 'x'.repeat(2000)],
  [
    '0\r\n\r\nGET /admin/hidden HTTP/1.1\r\nHost: a\r\n\r\n',
    '5\nhello\r\n0\r\n\r\n',
    'ffffffffffffffff\r\nx',
    '-1\r\n',
  ],
].flat()
const changes = ['', '\r', '\n', '\0', ' ', '\t', '\x7f', '\xff', '%', ';', '/', '\\', ':', ',', '\r\n']
const handshake = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const routes = [
  '/public/x',
  '/admin/x',
  '/roles/x',
  '/maybe',
  '/small',
  '/limited',
  '/cors',
  '/shadow',
  '/plain',
  '/strip/a',
  '*',
]

const mostly = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 19, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) })

const request = fc
  .record({
    method: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('GET', 'POST', 'DELETE') },
      { weight: 1, arbitrary: fc.constantFrom(...methods) },
    ),
    to: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...routes) }, { weight: 1, arbitrary: target }),
    version: mostly('1.1', '1.0', '2.0', '0.9'),
    host: mostly(['Host: gateway.test'], [], ['Host: gateway.test', 'Host: other.test']),
    fields: fc.array(field, { maxLength: 2 }),
    known: fc.boolean(),
    upgrade: fc.constantFrom(false, false, false, true),
    body: fc.constantFrom(...bodies),
    framing: fc.constantFrom('none', 'none', 'length', 'chunked'),
  })
  .map(({ method, to, version, host, fields, known, upgrade, body, framing }) => (credential: string) => {
    const lines = [
      ...host,
      ...fields.map(([name, text]) => `${name}: ${text}`),
      ...(known ? [`Authorization: ${credential}`] : []),
      ...(upgrade ? handshake : []),
      ...(framing === 'length' ? [`Content-Length: ${body.length}`] : []),
      ...(framing === 'chunked' ? ['Transfer-Encoding: chunked'] : []),
    ]
    return [`${method} ${to} HTTP/${version}`, ...lines, '', body].join('\r\n')
  })

/** One or two requests in a row, some with a byte changed; how the client leaves. */
export const anything = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 2 }),
  change: fc.option(fc.record({ at: fc.nat(1000), by: fc.constantFrom(...changes), over: fc.boolean() }), {
    nil: undefined,
    freq: 8,
  }),
  leave: fc.constantFrom('answered', 'answered', 'answered', 'answered', 'waiting', 'waiting', 'reset', 'end'),
})

export type Anything = typeof anything extends fc.Arbitrary<infer T> ? T : never

/** Its bytes, for a client with this credential. */
export function bytesOf({ requests, change }: Anything, credential: string): string {
  const text = requests.map((one) => one(credential)).join('')
  if (change === undefined) return text
  const at = change.at % text.length
  return text.slice(0, at) + change.by + text.slice(at + (change.over ? 1 : 0))
}
