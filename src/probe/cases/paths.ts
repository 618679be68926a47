/**
 * Paths: spellings of a closed path that start from an open one.
 *
 * @module
 */
import { requestText, type Aim, type Case, type Form } from '../case.ts'

interface Places {
  readonly host: string
  /** First segment of the open path, with its slash. */
  readonly dir: string
  readonly open: string
  readonly closed: string
  /** The closed path without its first slash. */
  readonly bare: string
}

type Spell = (places: Places) => string

function placesOf({ host, open, closed }: Aim): Places {
  const dir = /^\/[^/?]+/.exec(open)?.[0] ?? '/x'
  return { host, dir, open, closed, bare: closed.slice(1) }
}

/** By a stranger, who must stay outside. */
const form = (name: string, spell: Spell): Form => ({
  name,
  bar: 'outside',
  send: (aim) => requestText(`GET ${spell(placesOf(aim))} HTTP/1.1`, [`Host: ${aim.host}`, ...aim.lines]),
})

/** As words: D stands for the open folder, C for the closed path, B for that without its slash: `D/..C`; `%5C` stays. */
const spelled = (words: string): Form[] => written(...words.trim().split(/\s+/))

/** The same with blanks and controls in them. */
const written = (...patterns: readonly string[]): Form[] =>
  patterns.map((pattern) => form(visible(pattern), (places) => filled(pattern, places)))

/** Still below the open folder by a single decoding: only what the service received tells more. */
const inside = (words: string): Form[] => spelled(words).map((one) => ({ ...one, inside: true }))

function filled(pattern: string, { dir, closed, bare }: Places): string {
  return pattern.replaceAll(/(?<!%[0-9a-f]?)[DCB]/g, (letter) => ({ D: dir, C: closed, B: bare })[letter] ?? letter)
}

const visible = (text: string) => JSON.stringify(text).slice(1, -1)
const escaped = (text: string) => text.replaceAll(/[a-z]/gi, (letter) => `%${letter.charCodeAt(0).toString(16)}`)

export const paths: readonly Case[] = [
  {
    id: 'P1',
    advisories: ['GHSA-p224-6x5r-fjpm', 'CVE-2026-42274', 'CVE-2019-9901'],
    family: 'paths',
    title: 'dot segments',
    why: 'The gateway judges the path as written and the service serves the path as cleaned.',
    forms: spelled(`
        D/..C D/%2e%2eC D/%2E%2EC D/%2E.C D/.%2eC D/./..C D/x/../..C D/x/%2e%2e/%2e%2eC /.C /%2eC /./.C C/.
        C/%2e C/./ C/x/.. /x/..C /x/../.C D/../D/..C`),
  },
  {
    id: 'P2',
    advisories: ['CVE-2026-42272', 'CVE-2021-29492', 'CVE-2026-29087'],
    family: 'paths',
    title: 'encoded slashes and backslashes',
    why: 'Whether `%2f` separates is a matter of opinion, and opinions differ.',
    forms: [
      ...spelled(`/%2fB /%2FB D/..%2fB D/..%2FB D%2f..%2fB D/%2e%2e%2fB D/%2e%2e%2FB /x/..%2fB`),
      ...spelled(String.raw`/%5cB /%5CB D/..%5cB D/..%5CB D\..\B /\B \B D/..\B D/%2e%2e%5cB`),
      form('the last slash of the path', ({ closed }) => closed.replace(/\/(?=[^/]*$)/, '%2f')),
      form('the last slash of the path, %2F', ({ closed }) => closed.replace(/\/(?=[^/]*$)/, '%2F')),
      ...inside(`D/%252e%252eC D/..%252fB D/%252e%252e%252fB D/..%255cB D/%25%32%65%25%32%65C`),
    ],
  },
  {
    id: 'P3',
    advisories: ['CVE-2025-66490', 'GHSA-gm3x-23wp-hc2c'],
    family: 'paths',
    title: 'encoded delimiters',
    why: 'A decoded `?`, `#`, `;` or NUL cuts the path elsewhere than the gateway did.',
    forms: spelled(`
        C%3fx C%3Fx C%23 C%23x C%00 C%00.png C%3b C%3bx=1 C%3b/x C%5c D/%3f/..C D/x%00/../..C D/%23/..C
        D/%3b/..C D/..%00C D/..%3bC D/..%23C`),
  },
  {
    id: 'P4',
    advisories: ['CVE-2026-48020', 'CVE-2026-40912', 'CVE-2026-65600', 'CVE-2026-67309'],
    family: 'paths',
    title: 'traversals that a rewrite puts together',
    why: 'The path is checked, then a prefix is cut off, and what is left climbs.',
    forms: spelled(`
        D..C D%2e%2eC D./..C D../.C D/..;C D/..;xC D//..C D/./..C DxC D.C D%2fC D/..%2f..C D/x/..%2f..%2fB
        D%2f../B D/..%3b/B D;/..C D;x/..C D/.;/..C D/%2e/..C`),
  },
  {
    id: 'P5',
    advisories: ['CVE-2026-88009', 'GHSA-f52w-8j3h-j724'],
    family: 'paths',
    title: 'opaque targets',
    why: 'An empty path is judged and the raw target is sent.',
    forms: spelled(`http:http://internal.testC B http:C http:///B http:B x:C javascript:C`),
  },
  {
    id: 'P6',
    advisories: ['CVE-2026-41059', 'GHSA-pxq7-h93f-9jrg', 'CVE-2021-32779', 'CVE-2023-45539'],
    family: 'paths',
    title: 'authorities and fragments in the target',
    why: 'What stands behind `#`, or before the path, is seen by one side only.',
    forms: [
      ...spelled(`C# C#D D#/..C D/#/..C http://evil.testC https://evil.testC D%23/..C`),
      form('the host itself', ({ host, closed }) => `http://${host}${closed}`),
      form('the host in capitals', ({ host, closed }) => `HTTP://${host.toUpperCase()}${closed}`),
      form('a fragment before a user', ({ host, closed }) => `http://${host}#@evil.test${closed}`),
      form('a user before the host', ({ host, closed }) => `http://evil.test@${host}${closed}`),
      form('a fragment behind the path', ({ host, closed, open }) => `http://${host}${closed}#${open}`),
    ],
  },
  {
    id: 'P7',
    advisories: ['GHSA-7rh7-c77v-6434', 'CVE-2025-54576'],
    family: 'paths',
    title: 'an open path in the query',
    why: 'A rule that reads path and query as one text finds the open path in the query.',
    forms: [
      form('as a parameter', ({ closed, open }) => `${closed}?x=${open}`),
      form('as the query', ({ closed, open }) => `${closed}?${open}`),
      form('climbing', ({ closed, dir }) => `${closed}?/..${dir}`),
      ...spelled(`C? C?? C?.css C?x=1.png C?D/ C?anything`),
    ],
  },
  {
    id: 'P8',
    advisories: ['CVE-2026-27587', 'CVE-2026-15573', 'CVE-2026-3872'],
    family: 'paths',
    title: 'other spellings of the same path',
    why: 'Case, escapes, parameters and slashes that the gateway tells apart and the service does not.',
    forms: [
      form('its first letter escaped', ({ closed }) => closed.replace(/[a-z]/i, (letter) => escaped(letter))),
      form('every letter escaped', ({ closed }) => escaped(closed)),
      form('in capitals', ({ closed }) => closed.toUpperCase()),
      form('its first letter in capitals', ({ closed }) => closed.replace(/[a-z]/, (letter) => letter.toUpperCase())),
      ...spelled(`C/ C// C; C;x=1 C;x=1/x C..;/ /..;C D/..;C D/..;a=bC /;C /;x=1C /.;C`),
    ],
  },
  {
    id: 'P9',
    advisories: ['WHATWG URL'],
    family: 'paths',
    title: 'targets that a URL parser takes for another host',
    why: 'What is `//evil` to one parser is a path to another.',
    forms: [
      ...spelled(String.raw`//evil.testC /C //C D//..C D/C /\evil.testC \\evil.testC * ///evil.testC`),
      ...spelled(`/%09B //;C D//../C /@evil.testC`),
      ...written('/\tB', '/ B'),
    ],
  },
  {
    id: 'P10',
    advisories: ['CVE-2021-43557', 'GHSA-r8x2-fhmf-6mxp'],
    family: 'paths',
    title: 'targets that two parts of one gateway read differently',
    why: 'The router matches one form of the target and the plugin judges the other.',
    forms: spelled(`/./B /.//B C?x=%3F C?x=%2e%2e%2f /%2e/B?x=%3F C?x=% D/../B?x=%3F`),
  },
  {
    id: 'P11',
    advisories: ['403 bypass lists', 'normalize-uri tables', 'overlong UTF-8', 'IIS'],
    family: 'paths',
    title: 'what bypass lists try',
    why: 'These are the first things that anybody tries on a path that says 403.',
    forms: [
      ...spelled(`/*B /*/B C/* C/** C. C.. C..; C/..;/ C/.;/ C;/ C/; C~ C* C' C&`),
      ...spelled(`C.json C.html C.php C.css C/.json C/x.css C;.css C/;.css C%3b.css C%2ecss`),
      ...spelled(`C%20 C%20/ C%09 C%0a C%0d%0a C%0d C%7f C%a0 C%85 C%ff /%20B /%0aB /%ffB`),
      ...spelled(`C/%2e C/%2f C%2f C%2f/ C%25 C% C%2 C%zz C/% C/// C/./. C/././ /.;/B`),
      ...spelled(`//C// /./C/./ /.;C ;C .;C /;/B //;//B /x/;/..C /x;/..;C /..C /../..C /...C`),
      ...spelled(
        `D/%c0%ae%c0%aeC D/%e0%80%ae%e0%80%aeC D/..%c0%afB D/%c0%2e%c0%2eC D/..%e0%80%afB D/..%f8%80%80%80%afB D/..%c1%9cB`,
      ),
      ...spelled(`D/%u002e%u002eC D/..%u2215B D/%uff0e%uff0eC D/..%u002fB /%u0061B D/%%32%65%%32%65C`),
      ...spelled(`D/..%09C D/%0a..C D/.%00.C D/.%0d.C D/..%0d%0aC D/..%20/../..C`),
      ...written('D/\x85..C', 'D/..\xa0C'),
      ...inside(`D/...C D/....C D/..%20C D/%20..C D/%252fC D/%ef%bc%8e%ef%bc%8eC D/%2525C`),
    ],
  },
]
