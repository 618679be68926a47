/**
 * Spoofed headers: what a client sends under a name that services believe, in any spelling, on any kind of route.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { MARK, MARKED_ADDRESS, type Aim, type Case, type Form } from '#probe/case.ts'
import { cases } from '#probe/cases.ts'
import { get } from '#probe/header-forms.ts'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes, type AskHeaders } from '../support/ask.ts'
import { HANDSHAKE, aimAt, named, withLines } from '../support/corpus.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { serve } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { assertHeaders, assertSafe } from '../support/oracles.ts'
import { exchange } from '../support/raw-client.ts'
import type { UpstreamRequest } from '../support/upstream.ts'

/** Where spoofed headers arrive, with what, and whom the service is told of. */
interface Place {
  readonly what: string
  readonly path: string
  readonly credential?: Readonly<Record<string, unknown>>
  readonly upgrade?: true
  readonly subject?: string
  readonly roles?: string
}

const alice = { credential: {}, subject: 'alice' }
const places: readonly Place[] = [
  { what: 'a public route, where nobody is named', path: '/public/x', credential: {} },
  { what: 'a protected route', path: '/admin/x', ...alice },
  {
    what: 'a route that asks for a role',
    path: '/roles/x',
    credential: { roles: ['admin'] },
    subject: 'alice',
    roles: 'admin',
  },
  { what: 'an optional route, with a credential', path: '/maybe', ...alice },
  { what: 'an optional route, without one', path: '/maybe' },
  { what: 'a shadow route', path: '/shadow', ...alice },
  { what: 'a route that strips a prefix', path: '/strip/a', credential: {} },
  { what: 'a route that rewrites', path: '/rewrite/q/z', credential: {} },
  { what: 'a route that allows escapes', path: '/encoded/a%2fb', credential: {} },
  { what: 'an upgrade on a protected route', path: '/admin/ws', upgrade: true, ...alice },
  { what: 'an upgrade on a public route', path: '/public/ws', upgrade: true },
]

const line = (...fields: readonly string[]): Form => ({
  name: fields.join(', '),
  bar: 'dropped',
  send: (aim) => get(aim.shown, aim, [...aim.lines, ...fields]),
})

/** What only this gateway promises. */
const own: readonly Pick<Case, 'id' | 'advisories' | 'forms'>[] = [
  {
    id: 'H11',
    advisories: ['traces'],
    forms: [
      line(`X-Request-Id: ${MARK}`),
      line(`traceparent: 00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`, `tracestate: a=${MARK}`),
    ],
  },
  {
    id: 'H7',
    advisories: ['framing under other names'],
    forms: [
      line('TE: gzip, deflate', 'Trailer: X-Heimdall-Subject', 'Content_Length: 99', 'Transfer_Encoding: chunked'),
      line('Connection: close, X-Heimdall-Subject, x-request-id', `X-Heimdall-Subject: ${MARK}`),
      line('Connection: X-FORWARDED-FOR, X-FORWARDED-HOST', 'Connection: X-HEIMDALL-ISSUER', 'Connection:'),
    ],
  },
]

const spoofs = [...cases.filter(({ family }) => family === 'headers'), ...own]
const withBar = ({ forms }: Pick<Case, 'forms'>, ...bars: readonly Form['bar'][]) =>
  forms.filter(({ bar }) => bars.includes(bar))

suite('spoofed headers', () => {
  const keep = keeper()
  let fortress: Fortress
  let credentials: (claims: Readonly<Record<string, unknown>>) => string[]

  before(async () => {
    fortress = await startFortress(keep)
    const minted = new Map<string, string>()
    credentials = (claims) => {
      const key = JSON.stringify(claims)
      const token = minted.get(key) ?? fortress.issuer.token('alice', claims)
      minted.set(key, token)
      return [`Authorization: Bearer ${token}`]
    }
  })

  /** Sends bytes: the status, and what the service received. */
  const sent = async (text: string) => {
    const { port, upstream } = fortress
    const seen = upstream.requests.length
    const { status } = await exchange(port, text)
    const received = upstream.requests.slice(seen)
    assertSafe(received, PROTECTED)
    return { status, received }
  }

  const aimOf = ({ path, credential, upgrade }: Place): Aim => ({
    ...aimAt('/public/x'),
    shown: path,
    lines: [...(upgrade ? HANDSHAKE : []), ...(credential === undefined ? [] : credentials(credential))],
  })

  const assertOnlyProven = (request: UpstreamRequest, place: Place, form: Form) => {
    const { head } = request
    assert.deepEqual(request.all('x-heimdall-subject'), place.subject === undefined ? [] : [place.subject], head)
    assert.deepEqual(request.all('x-heimdall-issuer'), place.subject === undefined ? [] : [fortress.issuer.name], head)
    assert.deepEqual(request.all('x-heimdall-roles'), place.roles === undefined ? [] : [place.roles], head)
    assert.deepEqual(request.all('x-heimdall-email'), [], head)
    assert.deepEqual(request.all('x-forwarded-for'), ['127.0.0.1'], head)
    assert.deepEqual(request.all('authorization'), [], head)
    assert.equal(request.all('x-request-id').length, 1, head)
    if (!form.inside) for (const mark of [MARK, MARKED_ADDRESS, '1'.repeat(16)]) assert.ok(!head.includes(mark), head)
  }

  /** Whether bytes may be refused that a lenient gateway would clean up: lines within lines, bodies on upgrades. */
  const mayRefuse = (id: string, text: string, { upgrade }: Place) =>
    id === 'H13' || id === 'H17' || (upgrade === true && !text.startsWith('GET '))

  for (const place of places)
    for (const one of spoofs) {
      const forms = withBar(one, 'dropped', 'kept')
      if (forms.length > 0)
        test(`${named(one)}: leave only what the gateway proved on ${place.what}`, async () => {
          for (const form of forms) {
            const text = form.send(aimOf(place)) ?? ''
            const { status, received } = await sent(text)
            if (mayRefuse(one.id, text, place) && status === 400) assert.deepEqual(received, [])
            else {
              assert.equal(status, 200, form.name)
              assert.equal(received.length, 1)
              for (const request of received) assertOnlyProven(request, place, form)
            }
          }
        })
    }

  for (const one of spoofs) {
    const [spoofed, strangers] = [withBar(one, 'dropped'), withBar(one, 'outside')]
    if (spoofed.length > 0)
      test(`${named(one)}: are no proof of anything`, async () => {
        for (const form of spoofed) {
          const { status, received } = await sent(form.send({ ...aimAt('/admin/x'), shown: '/admin/x' }) ?? '')
          assert.ok(status === 401 || (one.id.startsWith('H1') && status === 400), `${form.name}: ${status}`)
          assert.deepEqual(received, [])
        }
      })
    if (strangers.length > 0)
      test(`${named(one)}: let nobody in`, async () => {
        for (const form of strangers)
          for (const closed of ['/admin/x', '/roles/x', '/shadow', '/tokens-only', '/cors'])
            for (const lines of [[], HANDSHAKE]) {
              const text = form.send({ ...aimAt('/public/x'), closed }) ?? ''
              assert.deepEqual(await sent(withLines(text, lines)), { status: 401, received: [] }, form.name)
            }
      })
    const [refused, harmless] = [withBar(one, 'refused'), withBar(one, 'single')]
    if (refused.length > 0)
      test(`${named(one)}: are refused where one of them would be chosen`, async () => {
        for (const form of refused)
          for (const open of ['/public/x', '/admin/x', '/maybe', '/rewrite/q/z'])
            for (const lines of [[], HANDSHAKE])
              assert.deepEqual(await sent(withLines(form.send(aimAt(open)) ?? '', lines)), {
                status: 400,
                received: [],
              })
      })
    if (harmless.length > 0)
      test(`${named(one)}: are headers like others`, async () => {
        for (const form of harmless) {
          const { status, received } = await sent(form.send(aimAt('/public/x')) ?? '')
          assert.equal(status, 200)
          assert.equal(received.length, 1)
        }
      })
  }

  /** Sends it and returns what the service received. */
  const pass = async (request: string, headers: AskHeaders) => {
    const { status, received } = await sent(requestBytes(request, headers))
    assert.equal(status, 200)
    const [only, ...others] = received
    assert.ok(only !== undefined && others.length === 0)
    return only
  }

  test('H4 CVE-2026-88004: trailers of a request go no further, and its body does', async () => {
    for (const form of cases.find(({ id }) => id === 'H4')?.forms ?? []) {
      const place: Place = { what: '', path: '/admin/x', ...alice }
      const { status, received } = await sent(form.send(aimOf(place)) ?? '')
      assert.equal(status, 200)
      const [request] = received
      assert.ok(request !== undefined)
      await request.whole
      assert.equal(request.body.toString(), 'hello')
      assertSafe(received, PROTECTED)
    }
  })

  test('H12 CVE-2026-34457: a health checker is nobody', async () => {
    for (const agent of ['kube-probe/1.30', 'GoogleHC/1.0', 'ELB-HealthChecker/2.0'])
      assert.equal(
        outcomeOf(await ask(fortress.gateway, 'GET /admin/x', { 'User-Agent': agent })),
        '401 no_credentials',
      )
  })

  test('H13 CVE-2026-31908: a claim begins no header and no log line', async () => {
    const name = 'a\r\nX-Heimdall-Roles: admin\u2028\u001b[2J'
    const received = await pass('GET /admin/x', fortress.issuer.as('mal\nlory', { name, roles: ['x,admin', 'a b'] }))
    assert.deepEqual(received.all('x-heimdall-roles'), ['a b,x%2Cadmin'])
    assert.deepEqual(received.all('x-heimdall-subject'), ['mal%0Alory'])
    const { subject } = await fortress.gateway.line(({ subject }) => String(subject).startsWith('mal'))
    assert.equal(subject, 'mal\nlory')
  })

  test('H16 GHSA-c5c4-8r6x-56w3: an address with two domains is no address', async () => {
    for (const [email, told] of [
      ['evil@x.test@corp.test', []],
      ['alice@corp.test', ['alice@corp.test']],
    ] as const) {
      const received = await pass('GET /admin/x', fortress.issuer.as('alice', { email }))
      assert.deepEqual(received.all('x-heimdall-email'), told)
    }
  })

  test('H17 HTTP Garden 41: bytes above 0x7f in other headers go on as they came', async () => {
    const received = await pass('GET /public/x', { 'X-Any': '\x85admin\xa0' })
    assert.ok(received.head.includes('X-Any: \x85admin\xa0\r\n'), received.head)
  })

  test('a service does not speak for the gateway', async () => {
    const { upstream, gateway } = fortress
    const lines = [
      'X-Heimdall-Subject: root',
      'X_Heimdall.Roles: admin',
      'X-Forwarded-User: root',
      'X-Request-Id: mine',
    ]
    upstream.answer = fixed(200, 'x', [...lines, 'X-Kept: yes'])
    const response = await ask(gateway, 'GET /public/x')
    upstream.answer = fixed(200, 'service')
    assert.doesNotMatch(response.head, /root|admin|mine/)
    assert.equal(response.header('x-kept'), 'yes')
  })
})

suite('spoofed headers of an own map', () => {
  const keep = keeper()
  const believed = ['X-User', 'X-User-Role', 'X-User-Email']

  test('H5 GHSA-7r4p-vjf4-gxv4: a fact that the identity lacks is an absent header, in every spelling', async () => {
    const { upstream, issuer } = await startFortress(keep)
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
authenticators: { acme: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } } }
identity: { headers: { subject: X-User, user_role: X-User-Role, email: X-User-Email } }
routes:
  - { path: /in, upstream: service, authenticate: [acme] }
  - { path: /out, upstream: service, public: true }
`),
    )
    const lines = [`Authorization: Bearer ${issuer.token('alice', { email: 'eve@acme.test', email_verified: false })}`]
    const forms = cases.filter(({ id }) => /^H[1-57]$/.test(id)).flatMap((one) => withBar(one, 'dropped'))
    for (const form of forms)
      for (const [shown, subjects] of [
        ['/in', ['alice']],
        ['/out', []],
      ] as const) {
        const text = form.send({ ...aimAt(shown), shown, believed, lines: shown === '/in' ? lines : [] }) ?? ''
        assert.equal((await exchange(gateway.port, text)).status, 200, form.name)
        const received = upstream.requests.at(-1)
        assert.ok(received !== undefined)
        assertHeaders(received, believed)
        assert.deepEqual(received.all('x-user'), subjects)
        assert.deepEqual([...received.all('x-user-role'), ...received.all('x-user-email')], [])
      }
    assert.equal((await exchange(gateway.port, requestBytes('GET /in', { 'X-User': 'root' }))).status, 401)
  })
})
