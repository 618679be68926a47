/**
 * Framing: bytes that a gateway and a service could cut into requests differently.
 *
 * The request hidden in them asks for the closed path and ends its connection, so that where it is smuggled
 * it reads one page and does not linger for somebody else's answer.
 *
 * @module
 */
import { requestText, type Aim, type Bar, type Case, type Form } from '../case.ts'

type Rest = string | ((aim: Aim) => string)

const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const CHUNKED = 'Transfer-Encoding: chunked'
const chunks = '5\r\nhello\r\n0\r\n\r\n'

/** The request in the body of another. */
export const hidden = ({ closed, host }: Aim) => `GET ${closed} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`

/** A request of these lines for the open path, what comes behind its head, and the hidden one behind that. */
function form(name: string, lines: readonly string[], rest: Rest = '', more: Partial<Opening> = {}): Form {
  const { method, version, bar, behind } = { ...opening, ...more }
  return {
    name,
    bar,
    send: (aim) =>
      requestText(
        `${method} ${aim.open} HTTP/${version}`,
        [`Host: ${aim.host}`, ...lines],
        `${typeof rest === 'string' ? rest : rest(aim)}${behind ? hidden(aim) : ''}`,
      ),
  }
}

interface Opening {
  readonly method: string
  readonly version: string
  readonly bar: Bar
  /** Whether the hidden request stands behind. */
  readonly behind: boolean
}

const opening: Opening = { method: 'POST', version: '1.1', bar: 'ended', behind: true }
const told = (text: string) => JSON.stringify(text.length > 24 ? `${text.slice(0, 24)}…` : text)

/** A head that is not made of lines as it should be. */
const broken = (name: string, head: (aim: Aim) => string): Form => ({ name, bar: 'ended', send: head })

const heads = (name: string, lines: string): Form =>
  broken(name, (aim) => `GET ${aim.open} HTTP/1.1\r\nHost: ${aim.host}\r\n${lines}\r\n\r\n${hidden(aim)}`)

/** The hidden request as a body, in both framings. */
const asBody = (method: string): Form[] => [
  carrying(`${method} with a length`, method, (body) => [[`Content-Length: ${body.length}`], body]),
  carrying(`${method} in chunks`, method, (body) => [[CHUNKED], `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`]),
]

function carrying(name: string, method: string, frame: (body: string) => [string[], string]): Form {
  return {
    name,
    bar: 'single',
    ...(method === 'DELETE' && { writes: true }),
    send: (aim) => {
      const [lines, framed] = frame(hidden(aim))
      return requestText(`${method} ${aim.open} HTTP/1.1`, [`Host: ${aim.host}`, ...lines], framed)
    },
  }
}

const bodiless: Partial<Opening> = { method: 'GET', behind: false }

const codings = [
  ',chunked',
  'chunked,',
  'gzip, chunked',
  'identity, chunked',
  'identity',
  'xchunked',
  'chunked, chunked',
  'chunked;q=1',
  '"chunked"',
  'chunked\x0b',
  'cow',
  'chunked, identity',
  'chunked gzip',
  '',
  'ch\xa0unked',
]

/** Bodies that end nowhere for who reads them strictly. */
const brokenChunks = [
  ...['5;a\nb', '5\nhello', ' 5', '5 ', '0x5', '-1', '0_5', '+5', '', '5\rhello', '5;\0', '10000000000000005'].map(
    (size) => `${size}\r\nhello\r\n0\r\n\r\n`,
  ),
  `5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
  '5\nhello\r\n0\r\n\r\n',
  '5\r\nhelloXX0\r\n\r\n',
  '5\r\nhello\n0\n\n',
  '5\r\nhello\r\n0\r\nbroken trailer\r\n\r\n',
]

export const framing: readonly Case[] = [
  {
    id: 'S1',
    advisories: ['CL.TE', 'TE.CL', 'CVE-2026-2835'],
    family: 'framing',
    title: 'a length and chunks',
    why: 'Where one side reads the length and the other the chunks, the rest is a request that nobody judged.',
    forms: [
      form('length first', ['Content-Length: 5', CHUNKED], '0\r\n\r\n'),
      form('chunks first', [CHUNKED, 'Content-Length: 5'], '0\r\n\r\n'),
      form('a length of nothing', ['Content-Length: 0', CHUNKED], '0\r\n\r\n'),
      form('chunks in a folded line', ['Content-Length: 5', 'Transfer-Encoding:', ' chunked'], '0\r\n\r\n'),
    ],
  },
  {
    id: 'S2',
    advisories: ['HTTP Garden 9, 11, 21, 25, 44', 'CVE-2022-32215', 'CVE-2020-8287'],
    family: 'framing',
    title: 'transfer codings that are not exactly `chunked`',
    why: 'Who knows the coding reads chunks, and who does not reads no body at all.',
    forms: [
      ...codings.map((coding) => form(told(coding), [`Transfer-Encoding: ${coding}`], chunks)),
      form('two lines', ['Transfer-Encoding: cow', CHUNKED], chunks),
      form('chunked twice', [CHUNKED, CHUNKED], chunks),
      form('a space before the colon', ['Transfer-Encoding : chunked'], chunks),
      form('an empty line and chunked', ['Transfer-Encoding:', CHUNKED], chunks),
    ],
  },
  {
    id: 'S3',
    advisories: ['CVE-2026-2835'],
    family: 'framing',
    title: 'chunks on HTTP/1.0',
    why: 'HTTP/1.0 knows no chunks: to an old service they are the next request.',
    forms: [form('POST', [CHUNKED], chunks, { version: '1.0' })],
  },
  {
    id: 'S4',
    advisories: ['CVE-2021-40346', 'CVE-2023-40225', 'CVE-2024-27982'],
    family: 'framing',
    title: 'lengths that are not a plain number',
    why: 'Every reader makes another number of them.',
    forms: [
      ...['+5', '0x5', '5,5', '5, 6', '', '5Z', '-5', '05', '5 5', '99999999999999999999', '5.0', '1e1', '5\x0b'].map(
        (length) => form(told(length), [`Content-Length: ${length}`], 'hello'),
      ),
      form('two lines alike', ['Content-Length: 5', 'Content-Length: 5'], 'hello'),
      form('two lines', ['Content-Length: 5', 'Content-Length: 6'], 'hello'),
      form('a space before the colon', ['Content-Length : 5'], 'hello'),
      form('a tab before the colon', ['Content-Length\t: 5'], 'hello'),
      form('a space before the name', [' Content-Length: 5'], 'hello'),
    ],
  },
  {
    id: 'S5',
    advisories: ['CVE-2021-22960', 'CVE-2024-22019'],
    family: 'framing',
    title: 'broken chunks',
    why: 'A lenient reader finds the end of the body where a strict one does not.',
    forms: brokenChunks.map((body) => form(told(body), [CHUNKED], body)),
  },
  {
    id: 'S6',
    advisories: ['CVE-2025-23167', 'CVE-2023-30589', 'CVE-2021-22959'],
    family: 'framing',
    title: 'ends of lines, and lines that are no fields',
    why: 'Where a line ends decides which headers there are and where the head ends.',
    forms: [
      heads('CR LF CR X', '\rX: y'),
      heads('a bare CR in a value', 'X: a\rY: b'),
      heads('a bare CR before a length', 'X: a\rContent-Length: 5'),
      heads('a folded line', 'X: a\r\n b'),
      heads('a line folded with a tab', 'X: a\r\n\tb'),
      heads('a space before the first field', ' X: a'),
      heads('an empty name', ': a'),
      heads('a line without a colon', 'nonsense'),
      heads('NUL in a value', 'X: a\0b'),
      heads('NUL in a name', 'X\0: a'),
      heads('a control in a name', 'X\x01: a'),
      heads('a space in a name', 'X Y: a'),
      heads('a bracket in a name', 'X(): a'),
      heads('a byte above 0x7f in a name', 'X\xa0: a'),
      broken(
        'every line ends with a bare LF',
        (aim) => `GET ${aim.open} HTTP/1.1\nHost: ${aim.host}\n\n${hidden(aim)}`,
      ),
      broken(
        'the head ends with a bare LF',
        (aim) => `GET ${aim.open} HTTP/1.1\r\nHost: ${aim.host}\r\n\n${hidden(aim)}`,
      ),
      broken('a bare CR in the request line', (aim) => `GET ${aim.open} HTTP/1.1\rHost: ${aim.host}\r\n\r\n`),
      {
        ...broken('two spaces in the request line', (aim) => `GET  ${aim.open} HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n`),
        bar: 'single',
      },
      broken('a tab in the request line', (aim) => `GET\t${aim.open} HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n`),
      { ...broken('no Host', (aim) => `GET ${aim.open} HTTP/1.1\r\nX: y\r\n\r\n`), bar: 'refused' },
    ],
  },
  {
    id: 'S7',
    advisories: ['CVE-2026-29057'],
    family: 'framing',
    title: 'a request as the body of a method that has none',
    why: 'A proxy that forgets the framing of such bodies sends them on as a request of their own.',
    forms: ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'QUERY'].flatMap(asBody),
  },
  {
    id: 'S8',
    advisories: ['CVE-2026-2833', 'CVE-2026-58055', 'CVE-2025-64763'],
    family: 'framing',
    title: 'requests hidden behind an upgrade',
    why: 'A proxy that turns into a pipe before the service agreed passes on whatever follows.',
    forms: [
      form('a body with a length', [...HANDSHAKE, 'Content-Length: 31'], 'x'.repeat(31), {
        method: 'GET',
        bar: 'judged',
      }),
      form('a body in chunks', [...HANDSHAKE, CHUNKED], chunks, { method: 'GET', bar: 'judged' }),
      form('early data', HANDSHAKE, '', { method: 'GET', bar: 'judged' }),
      form('a wrong version', HANDSHAKE.with(2, 'Sec-WebSocket-Version: 777'), '', { method: 'GET', bar: 'judged' }),
      form('by POST', HANDSHAKE, '', { bar: 'judged' }),
      form('without a key', HANDSHAKE.slice(0, 3), '', { method: 'GET', bar: 'judged' }),
    ],
  },
  {
    id: 'S9',
    advisories: ['h2csmuggler'],
    family: 'framing',
    title: 'upgrades to HTTP/2 and to other protocols',
    why: 'Behind a 101 to h2c the client speaks to the service, and no rule is asked.',
    forms: [
      form('h2c', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'], '', {
        ...bodiless,
        bar: 'single',
      }),
      form('h2c, not in Connection', ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'], '', { ...bodiless, bar: 'single' }),
      form('TLS', ['Connection: Upgrade', 'Upgrade: TLS/1.2'], '', { ...bodiless, bar: 'single' }),
      form('h2c before websocket', ['Connection: Upgrade', 'Upgrade: h2c, websocket'], '', {
        ...bodiless,
        bar: 'single',
      }),
      broken('the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    ],
  },
  {
    id: 'S10',
    advisories: ['TestConnect_HTTP1_Rejected', 'TestReverseProxyCONNECT'],
    family: 'framing',
    title: 'CONNECT',
    why: 'A proxy that passes it on becomes a tunnel to wherever the service may connect.',
    forms: [
      broken('to the host', (aim) => `CONNECT ${aim.host} HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n${hidden(aim)}`),
      broken('to a path', (aim) => `CONNECT ${aim.open} HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n${hidden(aim)}`),
    ],
  },
  {
    id: 'S16',
    advisories: ['HTTP/2.0 and HTTP/0.9 request lines'],
    family: 'framing',
    title: 'versions that the connection does not speak',
    why: 'Each version frames bodies and connections in its own way.',
    forms: ['2.0', '0.9', '1.2', '3.0', '1.10', '01.1', '1', '9.9'].map((version) =>
      form(`HTTP/${version}`, [], '', { ...bodiless, version, bar: 'refused' }),
    ),
  },
]
