/**
 * Headers that name somebody: what a client sends under names that services believe, in every spelling.
 *
 * @module
 */
import { MARK, MARKED_ADDRESS, requestText, type Case, type Form } from '../case.ts'
import { named, open, shown, type Fields } from '../header-forms.ts'

/** Every believed name, spelled otherwise. */
const respelled = (name: string, spell: (believed: string) => string): Form =>
  shown(name, ({ believed }) => believed.map((one) => `${spell(one)}: ${MARK}`))

const marked: Fields = ({ believed }) => believed.map((name) => `${name}: ${MARK}`)

/** A value that goes on as a header, for whoever takes `end` for the end of a line. */
const split =
  (end: string): Fields =>
  ({ believed }) => [`X-Any: a${believed.map((one) => `${end}${one}: ${MARK}`).join('')}`]

const swapCase = (name: string) =>
  name.replaceAll(/[a-z]/gi, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()))

const trailers = (name: string, announcing: Fields): Form => ({
  name,
  bar: 'dropped',
  send: (aim) =>
    requestText(
      `POST ${aim.shown} HTTP/1.1`,
      [`Host: ${aim.host}`, ...aim.lines, ...announcing(aim), 'Transfer-Encoding: chunked'],
      ['5', 'hello', '0', ...marked(aim), '', ''].join('\r\n'),
    ),
})

export const identityHeaders: readonly Case[] = [
  {
    id: 'H1',
    advisories: ['CVE-2025-64484'],
    family: 'headers',
    title: 'identity headers with underscores',
    why: 'CGI, WSGI and PHP services read `X_User` as `X-User`: whoever sends it is whoever they like.',
    forms: [
      respelled('every hyphen an underscore', (name) => name.replaceAll('-', '_')),
      respelled('in upper case', (name) => name.replaceAll('-', '_').toUpperCase()),
      ...named('X_Forwarded_User', 'X_Forwarded_Email', 'Remote_User', 'Remote_Groups', 'X_Consumer_ID'),
    ],
  },
  {
    id: 'H2',
    advisories: ['CVE-2026-39858', 'GHSA-5m6w-wvh7-57vm', 'GHSA-x677-9fxg-v5c5'],
    family: 'headers',
    title: 'headers of the gateway with underscores among hyphens',
    why: 'A filter that knows one spelling lets the other one through beside the true header.',
    forms: [
      respelled('the last hyphen an underscore', (name) => name.replace(/-(?=[^-]*$)/, '_')),
      respelled('the first hyphen an underscore', (name) => name.replace('-', '_')),
      ...named('X_Forwarded_Proto', 'X_Forwarded_For', 'X_Auth_Request_User', 'X-Auth_Request_User'),
    ],
  },
  {
    id: 'H3',
    advisories: ['CVE-2026-88011', 'GHSA-rf44-j88r-hh8c'],
    family: 'headers',
    title: 'identity headers with dots and other marks',
    why: 'Every character but letters and digits becomes `_` in CGI: dots work where underscores are filtered.',
    forms: [
      respelled('every hyphen a dot', (name) => name.replaceAll('-', '.')),
      ...['!', '#', '$', '%', '&', "'", '*', '+', '^', '`', '|', '~'].map((mark) =>
        respelled(`every hyphen ${mark}`, (name) => name.replaceAll('-', mark)),
      ),
      respelled('a mark behind', (name) => `${name}!`),
      respelled('a mark before', (name) => `~${name}`),
      respelled('hyphens doubled', (name) => name.replaceAll('-', '--')),
      respelled('underscores around', (name) => `_${name}_`),
      respelled('two marks mixed', (name) => name.replace('-', '.').replace(/-(?=[^-]*$)/, '_')),
      ...named('X.Authenticated.User', 'X.Authenticated.Groups', 'X.Forwarded.User'),
    ],
  },
  {
    id: 'H4',
    advisories: ['CVE-2026-88004', 'GHSA-v67p-phpq-fc8x'],
    family: 'headers',
    title: 'identity in the trailers of a request',
    why: 'Services that merge trailers into headers take the name that was filtered in the headers.',
    forms: [
      trailers('unannounced', () => []),
      trailers('announced', ({ believed }) => [`Trailer: ${believed.join(', ')}`]),
    ],
  },
  {
    id: 'H5',
    advisories: ['GHSA-7r4p-vjf4-gxv4'],
    family: 'headers',
    title: 'identity headers that the gateway sets, or would set if it had a value',
    why: 'A header that is only overwritten when there is a value is the client’s when there is none.',
    forms: [
      respelled('as they are', (name) => name),
      respelled('in lower case', (name) => name.toLowerCase()),
      respelled('in swapped case', swapCase),
      ...named('X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Auth-Request-User'),
      ...named('Remote-User', 'Remote-Groups', 'X-Consumer-ID', 'X-Authenticated-Userid', 'X-Credential-Identifier'),
    ],
  },
  {
    id: 'H7',
    advisories: ['CVE-2021-32813', 'CVE-2024-45410', 'GHSA-92mv-8f8w-wq52', 'CVE-2026-33805', 'GHSA-gwhp-pf74-vj37'],
    family: 'headers',
    title: 'headers of the gateway named in Connection, and headers of one hop',
    why: 'A hop that strips what `Connection` names after the identity was added removes the identity itself.',
    forms: [
      shown('named in Connection and sent', (aim) => [`Connection: close, ${aim.believed.join(', ')}`, ...marked(aim)]),
      shown('the same in upper case', (aim) => [
        `Connection: ${aim.believed.join(', ').toUpperCase()}`,
        ...marked(aim),
      ]),
      shown('two lines', (aim) => [...aim.believed.map((name) => `Connection: ${name}`), ...marked(aim)]),
      shown('an empty line first', (aim) => ['Connection:', `Connection: ${aim.believed.join()}`, ...marked(aim)]),
      shown('a proof named in Connection', ({ believed }) => [`Connection: ${believed.join(', ')}`], 'kept'),
      shown('a proof named in capitals', (aim) => [`Connection: ${aim.believed.join().toUpperCase()}`], 'kept'),
      shown(
        'the family named in Connection',
        () => ['Connection: X-Forwarded-For, X-Forwarded-Host', `X-Forwarded-For: ${MARKED_ADDRESS}`],
        'dropped',
      ),
      ...named('Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization', 'HTTP2-Settings', 'Trailer', 'Via'),
      ...named('Transfer_Encoding', 'Content_Length', 'Keep_Alive', 'Proxy_Authorization'),
    ],
  },
  {
    id: 'H8',
    advisories: ['CVE-2026-26308', 'GHSA-ghc4-35x6-crw5'],
    family: 'headers',
    title: 'the same header twice',
    why: 'The gateway judges one of the two and the service believes the other.',
    forms: [
      shown('identity twice', (aim) => [...marked(aim), ...marked(aim)]),
      shown('identity twice, in two cases', (aim) => [
        ...marked(aim),
        ...aim.believed.map((name) => `${name.toLowerCase()}: ${MARK}`),
      ]),
      open('Host twice', 'refused', () => ['Host: other.test']),
      open('Host twice, alike', 'refused', ({ host }) => [`Host: ${host}`]),
      open('Authorization twice', 'refused', () => ['Authorization: Bearer a', 'Authorization: Bearer b']),
      open('Content-Type twice', 'refused', () => ['Content-Type: text/plain', 'Content-Type: text/html']),
    ],
  },
  {
    id: 'H13',
    advisories: ['CVE-2026-31908', 'CVE-2025-25294', 'CVE-2024-45808'],
    family: 'headers',
    title: 'a header inside the value of another',
    why: 'A value that ends its line begins a header of the client’s choosing.',
    forms: [
      ...[
        ['a bare CR', '\r'],
        ['a bare LF', '\n'],
        ['NUL', '\0'],
        ['a vertical tab', '\x0b'],
      ].map(([name = '', end = '']) => shown(name, split(end))),
      { ...shown('NEL', split('\x85')), inside: true },
      { ...shown('an escaped CR LF', split('%0d%0a')), inside: true },
    ],
  },
  {
    id: 'H17',
    advisories: ['HTTP Garden 41', 'HTTP Garden 46'],
    family: 'headers',
    title: 'bytes above 0x7f around a value',
    why: 'Services that trim 0x85 and 0xa0 read a value that no filter saw.',
    forms: [
      shown('in identity headers', ({ believed }) => believed.map((name) => `${name}: \x85${MARK}\xa0`)),
      shown('behind the name', ({ believed }) => believed.map((name) => `${name}\xa0: ${MARK}`)),
    ],
  },
]
