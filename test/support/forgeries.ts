/**
 * Forged tokens: every published way to be believed without the issuer's signature over just these claims,
 * each made from a genuine token, so that it can also be tried right after that one was accepted.
 *
 * @module
 */
import {
  claiming,
  faces,
  headerOf,
  hmac,
  jwe,
  own,
  P256,
  parts,
  publicPem,
  reheaded,
  resigned,
  respelled,
  scalars,
  seconds,
  signed,
  stating,
  twins,
  type Genuine,
} from './forging.ts'
import { segment, token } from './tokens.ts'

type Forge = (good: Genuine) => string | readonly string[]

export interface Forgery {
  /** Row of the catalogue and advisory. */
  readonly row: string
  readonly what: string
  /** What follows `Bearer `; of a list each is tried. */
  readonly forge: Forge
  /** How it is refused. */
  readonly refusal: string
}

const REFUSED = '401 invalid_token'

function cases(row: string, made: Readonly<Record<string, Forge>>, refusal = REFUSED): Forgery[] {
  return Object.entries(made).map(([what, forge]) => ({ row, what, forge, refusal }))
}

/** One case for each value of a member. */
function each<T>(
  row: string,
  name: string,
  values: readonly T[],
  forge: (good: Genuine, value: T) => ReturnType<Forge>,
) {
  const told = (value: T) => (value === undefined ? 'absent' : JSON.stringify(value).slice(0, 40))
  return values.flatMap((value) => cases(row, { [`${name} ${told(value)}`]: (good) => forge(good, value) }))
}

const unsigned = [
  ...each('J1 CVE-2015-9235', 'alg', ['none', 'nOnE', 'NONE', 'None', 'none ', ''], (good, alg) => [
    `${segment({ ...headerOf(good), alg })}.${parts(good)[1]}.`,
    reheaded(good, { ...headerOf(good), alg }),
  ]),
  ...each('J1 CVE-2015-9235', 'alg', [['none'], ['ES256'], null, 0, { a: 'ES256' }, undefined], (good, alg) => [
    `${segment({ ...headerOf(good), alg })}.${parts(good)[1]}.`,
    resigned(good, { alg }),
  ]),
  ...cases('J1 CVE-2015-9235', {
    'an empty signature': (good) => signed(good, ''),
    'no signature segment': (good) => parts(good).slice(0, 2).join('.'),
    'claims changed under the signature': (good) =>
      parts(good)
        .with(1, segment({ ...good.claims, sub: 'root' }))
        .join('.'),
    'a key of the attacker under the name of a known one': (good) => token(own, good.claims),
  }),
]

const HMAC = 'J2 CVE-2023-48223 CVE-2026-34950 GHSA-mvf2-f6gm-w987 GHSA-ww5h-9m49-7xx4 CVE-2026-22817'
const others = ['ES384', 'ES512', 'RS256', 'PS256', 'EdDSA', 'Ed25519', 'ES256K', 'HS256', 'RS1']
const confused = [
  ...each(HMAC, 'a public key for the secret of', ['HS256', 'HS384', 'HS512'], (good, alg) =>
    [good.signer, good.rsa].flatMap((by) => faces(by).map((face) => hmac(good, alg, face, by.kid))),
  ),
  ...each('J2 CVE-2026-22818', 'beside a P-256 key that names no algorithm', others, (good, alg) => [
    reheaded(good, { ...headerOf(good), alg }),
    resigned(good, { alg }),
  ]),
  ...cases('J2 CVE-2026-22818', {
    'a key of another type under the kid': (good) => [
      token({ ...good.rsa, kid: good.signer.kid }, good.claims),
      token({ ...good.signer, kid: good.rsa.kid }, good.claims),
    ],
    'one RSA algorithm named, another used': (good) =>
      token({ ...good.rsa, alg: 'RS512' }, good.claims, { alg: 'PS512' }),
  }),
]

const offers: Readonly<Record<string, (good: Genuine) => unknown>> = {
  jwk: () => own.jwk,
  jku: ({ evil }) => `${evil}/jwks`,
  x5u: ({ evil }) => `${evil}/x5u`,
  x5c: () => [Buffer.from(publicPem(own.jwk)).toString('base64')],
}
const embedded = Object.entries(offers).flatMap(([member, offered]) =>
  cases('J3 CVE-2018-0114 CVE-2026-27962', {
    [`${member} of the attacker`]: (good) => [
      token(own, good.claims, { [member]: offered(good) }),
      token(own, good.claims, { [member]: offered(good), kid: 'evil' }),
      token(own, good.claims, { [member]: offered(good), kid: undefined }),
      resigned(good, { [member]: offered(good) }),
    ],
  }),
)

const texts = ['../../dev/null', '/dev/null', 'file:///dev/null', "' OR 1=1 --", '__proto__', 'constructor', 'toString']
const named = [
  ...each('J4', 'kid', [...texts, '', 'first\0', 'FIRST', 'kid-marker\n{"a":1}'], (good, kid) => [
    resigned(good, { kid }),
    hmac(good, 'HS256', '', kid),
  ]),
  ...each('J4', 'kid', [{ $ne: null }, { $gt: '' }, ['first'], 0, true, null], (good, kid) => resigned(good, { kid })),
  ...cases('J4', { 'kid of 4 kB': (good) => resigned(good, { kid: 'k'.repeat(4096) }) }),
  ...cases('J4', { 'kid of 64 kB': (good) => resigned(good, { kid: 'k'.repeat(65_536) }) }, '431 headers_too_large'),
]

const CRITICAL = 'J5 CVE-2025-59420 CVE-2026-32597 GHSA-hm7r-c7qw-ghp6'
const critical = [
  ...each(CRITICAL, 'crit', [['x'], ['exp'], ['__proto__'], [], 'x', null, {}], (good, crit) =>
    resigned(good, { crit, x: 1, exp: 1 }),
  ),
  ...each('J6 RFC 7797', 'b64', [false, true], (good, b64) => [
    resigned(good, { b64, crit: ['b64'] }),
    resigned(good, { b64 }),
  ]),
]

const notDates = [undefined, null, '9999999999', 1e300, -1, true, [9_999_999_999], {}]
const timed = [
  ...each('J7', 'exp', notDates, (good, exp) => claiming(good, { exp })),
  ...each('J7', 'nbf', notDates.slice(1), (good, nbf) => claiming(good, { nbf })),
  ...each('J7', 'iat', notDates.slice(1), (good, iat) => claiming(good, { iat })),
  ...cases('J7', {
    'exp 1e400': (good) => stating(good, JSON.stringify(good.claims).replace(/"exp":\d+/, '"exp":1e400')),
    'exp 25 hours ahead': (good) => [
      claiming(good, { exp: seconds() + 25 * 3600 }),
      claiming(good, { exp: seconds() + 25 * 3600, iat: undefined }),
    ],
    'nbf beyond the skew': (good) => claiming(good, { nbf: seconds() + 35 }),
    'iat beyond the skew': (good) => claiming(good, { iat: seconds() + 35 }),
  }),
  ...cases(
    'J7',
    { 'exp beyond the skew': (good) => claiming(good, { iat: seconds() - 400, exp: seconds() - 31 }) },
    '401 token_expired',
  ),
]

const strangers = [
  undefined,
  null,
  '',
  [],
  'billing-api',
  ['billing-api'],
  'orders-api ',
  'ORDERS-API',
  'orders-api.evil.test',
]
const lists = [
  ['orders-api', 7],
  [['orders-api']],
  { 0: 'orders-api' },
  'billing-api,orders-api',
  'billing-api orders-api',
]
const types = ['logout+jwt', 'dpop+jwt', 'secevent+jwt', 'JWE', 'id_token', '', ['JWT'], null]
const tails = ['/', ' ', '\0', '#', '?', '.evil.test']
const meant = [
  ...each('J8 GHSA-m732-5p4w-x69g CVE-2024-47616', 'aud', [...strangers, ...lists], (good, aud) =>
    claiming(good, { aud }),
  ),
  ...each('J8', 'typ', types, (good, typ) => resigned(good, { typ })),
  ...each('J9', 'iss with behind it', tails, (good, tail) =>
    claiming(good, { iss: String(good.claims['iss']) + tail }),
  ),
  ...cases('J9 CVE-2025-30144', {
    'iss as a list or an object that holds the good one': (good) => {
      const { iss } = good.claims
      return [[iss], [iss, 'x'], ['x', iss], { 0: iss }].map((shape) => claiming(good, { iss: shape }))
    },
    'no iss, or another one': (good) => [
      claiming(good, { iss: undefined }),
      claiming(good, { iss: 'https://id.test' }),
    ],
  }),
]

const pairs = ['"sub":"root"', '"\\u0073ub":"root"', '"exp":1', '"aud":"billing-api"', '"iss":"https://id.test"']
const further = ['"a":{"b":1,"b":2}', '"a":[{"b":1,"b":2}]', '"__proto__":{"sub":"root"},"__proto__":1']
const around = (text: string, member: string) => [text.replace('{', `{${member},`), text.replace(/\}$/, `,${member}}`)]
const doubled = [
  ...each('J10', 'a claim twice', [...pairs, ...further], (good, member) =>
    around(JSON.stringify(good.claims), member).map((text) => stating(good, text)),
  ),
  ...each('J10', 'a header twice', ['"alg":"none"', '"alg":"ES256"', '"kid":"evil"', '"typ":"JWT"'], (good, member) =>
    around(JSON.stringify(headerOf(good)), member).map((text) => resigned(good, text)),
  ),
]

const unsignedInside = (good: Genuine) => `${segment({ alg: 'none' })}.${segment(good.claims)}.`
const encrypted = [
  ...cases('J11 CVE-2022-36083', {
    'PBES2 with a billion rounds': () => jwe({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 1e9, p2s: 'AAAA' }),
  }),
  ...cases('J11 CVE-2024-28176 CVE-2024-28180', {
    'a compressed JWE': () => jwe({ alg: 'RSA-OAEP', enc: 'A256GCM', zip: 'DEF' }),
    'JWE members in a JWS': (good) => [resigned(good, { enc: 'A256GCM' }), resigned(good, { zip: 'DEF' })],
  }),
  ...cases('J11 GHSA-pm7g-w2cf-q238', {
    'an unsigned JWT in a JWE': (good) => jwe({ alg: 'dir', enc: 'A128GCM', cty: 'JWT' }, unsignedInside(good)),
    'an unsigned JWT in a JWS': (good) => token(good.signer, unsignedInside(good), { cty: 'JWT' }),
  }),
]

const bytesOf = (good: Genuine) => Buffer.from(parts(good)[2], 'base64url')
const numbers = [
  ...cases('J12 CVE-2022-21449', {
    'r = s = 0': (good) => signed(good, scalars(0n, 0n)),
    'r or s = 0': (good) => [signed(good, scalars(0n, 1n)), signed(good, scalars(1n, 0n))],
    'r or s = n': (good) => [[P256, P256] as const, [P256, 1n] as const].map(([r, s]) => signed(good, scalars(r, s))),
    'DER of r = s = 0': (good) => signed(good, 'MAYCAQACAQA'),
    'all bits set': (good) => signed(good, Buffer.alloc(64, 0xff).toString('base64url')),
    'r and s exchanged': (good) =>
      signed(good, Buffer.concat([bytesOf(good).subarray(32), bytesOf(good).subarray(0, 32)]).toString('base64url')),
    'a byte more, a byte less': (good) => [
      signed(good, Buffer.concat([bytesOf(good), Buffer.alloc(1)]).toString('base64url')),
      signed(good, bytesOf(good).subarray(0, 63).toString('base64url')),
    ],
  }),
]

const deep = JSON.parse('{"a":'.repeat(33) + '1' + '}'.repeat(33)) as unknown
const oversized = [
  ...cases('J13 CVE-2025-30204', { 'nothing but dots': () => ['.', '..', '...', '.'.repeat(15_000)] }),
  ...cases('J13 CVE-2025-30204', { '20 kB of dots': () => '.'.repeat(20_000) }, '431 headers_too_large'),
  ...cases('J13', {
    'more than 8 kB': (good) => claiming(good, { padding: 'x'.repeat(8192) }),
    'claims 33 levels deep': (good) => claiming(good, { deep }),
    'brackets that never close': (good) => [stating(good, '{"a":'.repeat(1000)), stating(good, '['.repeat(4000))],
    'two thousand arrays': (good) => stating(good, '['.repeat(2000) + ']'.repeat(2000)),
  }),
]

const respellings = [
  ...cases('J14', {
    'spare low bits': (good) => respelled(good, twins),
    padding: (good) => ['=', '==', '%3D'].flatMap((pad) => respelled(good, (one) => one + pad)),
    'plain base64': (good) => respelled(good, (one) => Buffer.from(one, 'base64url').toString('base64')),
    'blanks inside': (good) =>
      ['\t', ' '].flatMap((blank) => respelled(good, (one) => `${one.slice(0, 4)}${blank}${one.slice(4)}`)),
    'something behind it': (good) =>
      ['.', ',', ';', '"', ', Bearer x', '.x', '~', '\xa0', '\x85'].map((tail) => good.text + tail),
    'something before it': (good) => ['.', '"', 'Bearer ', '=', '\xa0'].map((start) => start + good.text),
    'another case': (good) => [good.text.toLowerCase(), good.text.toUpperCase()],
    'percent-encoding': (good) => good.text.replaceAll('.', '%2E'),
  }),
  ...cases(
    'J14',
    { 'ends of lines and NUL': (good) => [`${good.text}\n`, good.text.replace('.', '.\r'), `${good.text}\0`] },
    '400 request_malformed',
  ),
]

const changed = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
const collisions = cases('J19 GHSA-rp9m-7r4c-75qg', {
  'header and signature of a known token around other claims': (good) =>
    ['root', ''].map((sub) =>
      parts(good)
        .with(1, segment({ ...good.claims, sub }))
        .join('.'),
    ),
  'one character changed': (good) => {
    const [header, payload, signature] = parts(good)
    const signatures = [0, 42, signature.length - 2].map((at) => [header, payload, changed(signature, at)].join('.'))
    return [...signatures, [header, changed(payload, payload.length >> 1), signature].join('.')]
  },
})

/** All of them: J1 to J14, and J19. */
export const forgeries: readonly Forgery[] = [
  unsigned,
  confused,
  embedded,
  named,
  critical,
  timed,
  meant,
  doubled,
  encrypted,
  numbers,
  oversized,
  respellings,
  collisions,
].flat()
