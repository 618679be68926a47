/**
 * Tokens: copies of a good token, changed as forgers change them.
 *
 * @module
 */
import { generateKeyPairSync, sign } from 'node:crypto'

import { requestText, type Aim, type Case, type Form } from '../case.ts'

/** A compact JWS taken apart; undefined for other tokens. */
interface Parts {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
  readonly encoded: readonly [header: string, payload: string, signature: string]
}

const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

function partsOf(token: string): Parts | undefined {
  const [header, payload, signature, ...rest] = token.split('.')
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return undefined
  try {
    const [head, claims] = [header, payload].map(
      (part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>,
    )
    return head && claims && { header: head, payload: claims, encoded: [header, payload, signature] }
  } catch {
    return undefined
  }
}

const ask = (aim: Aim, ...fields: readonly string[]) =>
  requestText(`GET ${aim.closed} HTTP/1.1`, [`Host: ${aim.host}`, ...fields])

/** Any token, changed as text. */
const changed = (name: string, change: (token: string) => string): Form => ({
  name,
  bar: 'outside',
  send: (aim) => (aim.token === '' ? undefined : ask(aim, `Authorization: Bearer ${change(aim.token)}`)),
})

/** A JWT, taken apart and put together again. */
const forged = (name: string, forge: (parts: Parts) => string): Form => ({
  name,
  bar: 'outside',
  send: (aim) => {
    const parts = partsOf(aim.token)
    return parts && ask(aim, `Authorization: Bearer ${forge(parts)}`)
  },
})

/** The same payload and signature under another header. */
const reheaded = (name: string, part: Readonly<Record<string, unknown>>): Form =>
  forged(name, ({ header, encoded }) => [segment({ ...header, ...part }), encoded[1], encoded[2]].join('.'))

const unsigned = (alg: unknown, signature = ''): Form =>
  forged(`alg ${JSON.stringify(alg)}, ${signature === '' ? 'no signature' : 'a signature'}`, ({ header, encoded }) =>
    [segment({ ...header, alg }), encoded[1], signature].join('.'),
  )

/** Signed by a key that the token itself brings. */
const bringing = (name: string, header: (jwk: object) => object): Form =>
  forged(name, ({ payload }) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const signed = `${segment({ alg: 'ES256', typ: 'JWT', ...header(publicKey.export({ format: 'jwk' })) })}.${segment(payload)}`
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${signature.toString('base64url')}`
  })

/** Other last characters that decode to the same bytes; none when the last one has no spare bits. */
function twin(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.at(-1) ?? '')
  const bytes = (text: string) => Buffer.from(text.slice(text.lastIndexOf('.') + 1), 'base64url')
  const others = Array.from(alphabet, (letter) => token.slice(0, -1) + letter)
  const alike = others.find((other, index) => index !== last && bytes(other).equals(bytes(token)))
  return alike ?? `${token}A`
}

/** Somewhere that nothing listens: a header that is followed leads to no stranger. */
const NOWHERE = 'http://127.0.0.1:9/keys'

const raw = (name: string, fields: (token: string) => readonly string[]): Form => ({
  name,
  bar: 'outside',
  send: (aim) => (aim.token === '' ? undefined : ask(aim, ...fields(aim.token))),
})

export const tokens: readonly Case[] = [
  {
    id: 'J1',
    advisories: ['CVE-2015-9235'],
    family: 'tokens',
    title: 'tokens without a signature',
    why: 'Anybody can write a token that nobody signed.',
    forms: [
      ...['none', 'None', 'NONE', 'nOnE', '', null, ['none']].map((alg) => unsigned(alg)),
      unsigned('none', 'AAAA'),
      forged('the signature cut off', ({ encoded }) => `${encoded[0]}.${encoded[1]}.`),
      forged('the signature and its dot cut off', ({ encoded }) => `${encoded[0]}.${encoded[1]}`),
    ],
  },
  {
    id: 'J2',
    advisories: ['CVE-2023-48223', 'CVE-2026-34950', 'CVE-2026-22817'],
    family: 'tokens',
    title: 'another algorithm under the same signature',
    why: 'A verifier that lets the token choose the algorithm can be talked into the one that the forger knows.',
    forms: ['HS256', 'HS512', 'RS256', 'RS512', 'PS256', 'ES384', 'EdDSA'].map((alg) =>
      forged(`alg ${alg}`, ({ header, encoded, payload }) =>
        [segment({ ...header, alg }), segment({ ...payload, probe: true }), encoded[2]].join('.'),
      ),
    ),
  },
  {
    id: 'J3',
    advisories: ['CVE-2018-0114', 'CVE-2026-27962'],
    family: 'tokens',
    title: 'tokens that bring their own key',
    why: 'A key in the token proves that the sender has a key, and nothing else.',
    forms: [
      bringing('jwk', (jwk) => ({ jwk })),
      bringing('jwk and a kid', (jwk) => ({ jwk, kid: 'probe' })),
      reheaded('jku', { jku: NOWHERE }),
      reheaded('x5u', { x5u: NOWHERE }),
      reheaded('x5c', { x5c: ['AAAA'] }),
    ],
  },
  {
    id: 'J4',
    advisories: ['kid injection'],
    family: 'tokens',
    title: 'names of keys that are paths and queries',
    why: 'A kid that is looked up in files or tables chooses a key whose bytes the forger knows.',
    forms: ['../../../../dev/null', "' OR 1=1 --", 'x'.repeat(4096), '', 0, { $ne: null }, ['a'], '__proto__'].map(
      (kid) => reheaded(`kid ${JSON.stringify(kid).slice(0, 24)}`, { kid }),
    ),
  },
  {
    id: 'J5',
    advisories: ['CVE-2025-59420', 'CVE-2026-32597', 'RFC 7797'],
    family: 'tokens',
    title: 'critical extensions',
    why: 'Who ignores `crit` does not do what the token says must be done.',
    forms: [
      reheaded('an unknown one', { crit: ['probe'], probe: true }),
      reheaded('an empty list', { crit: [] }),
      reheaded('b64', { crit: ['b64'], b64: false }),
    ],
  },
  {
    id: 'J12',
    advisories: ['CVE-2022-21449'],
    family: 'tokens',
    title: 'signatures of zeros, and other people’s payloads',
    why: 'A verifier that never says no says yes to everybody.',
    forms: [
      forged('64 zeros', ({ encoded }) => `${encoded[0]}.${encoded[1]}.${'A'.repeat(86)}`),
      forged('an empty DER signature', ({ encoded }) => `${encoded[0]}.${encoded[1]}.MAYCAQACAQA`),
      forged('another subject', ({ encoded, payload }) =>
        [encoded[0], segment({ ...payload, sub: 'root' }), encoded[2]].join('.'),
      ),
      forged('no expiry', ({ encoded, payload }) =>
        [encoded[0], segment({ ...payload, exp: undefined }), encoded[2]].join('.'),
      ),
      changed('its last character gone', (token) => token.slice(0, -1)),
      changed('one letter in another case', (token) =>
        token.replace(/[a-z](?=[^a-z]*$)/i, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase())),
      ),
    ],
  },
  {
    id: 'J14',
    advisories: ['Wycheproof base64'],
    family: 'tokens',
    title: 'other texts for the same token',
    why: 'A revocation or a limit that is kept by the text of a token does not know its twins.',
    forms: [
      changed('padded', (token) => `${token}=`),
      changed('padded twice', (token) => `${token}==`),
      changed('another last character for the same bytes', twin),
      changed('a space inside', (token) => token.replace('.', '. ')),
      changed('a tab inside', (token) => token.replace('.', '\t.')),
      changed('a letter outside the alphabet', (token) => `${token}!`),
      changed('a dot more', (token) => `${token}.`),
      changed('a dot before', (token) => `.${token}`),
      changed('quoted', (token) => `"${token}"`),
      changed('twice', (token) => `${token}, Bearer ${token}`),
      raw('in a folded line', (token) => ['Authorization: Bearer', ` ${token}`]),
      raw('a line end inside', (token) => [`Authorization: Bearer ${token.replace('.', '\n.')}`]),
    ],
  },
  {
    id: 'J22',
    advisories: ['RFC 6750 §2'],
    family: 'tokens',
    title: 'good tokens in the wrong place',
    why: 'What is taken from queries, bodies and second headers ends up in logs and in other people’s hands.',
    forms: [
      raw('Authorization twice, the good one last', (token) => [
        'Authorization: Bearer x',
        `Authorization: Bearer ${token}`,
      ]),
      raw('Authorization twice, the good one first', (token) => [
        `Authorization: Bearer ${token}`,
        'Authorization: Bearer x',
      ]),
      raw('in Proxy-Authorization', (token) => [`Proxy-Authorization: Bearer ${token}`]),
      raw('in X_Authorization', (token) => [`X_Authorization: Bearer ${token}`, `Authorization_: Bearer ${token}`]),
      raw('as Basic', (token) => [`Authorization: Basic ${token}`]),
      raw('without a scheme', (token) => [`Authorization: ${token}`]),
    ],
  },
]
