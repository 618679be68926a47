/**
 * Headers that say something of the request: where it comes from, which path, method or host it is for.
 *
 * @module
 */
import { MARK, MARKED_ADDRESS, type Case, type Form } from '../case.ts'
import { get, named, open, shown, stranger } from '../header-forms.ts'

const toHost = (name: string, spell: (host: string) => string): Form => ({
  name,
  bar: 'outside',
  send: (aim) => get(aim.closed, { ...aim, host: spell(aim.host) }, []),
})

const addressed = (...names: readonly string[]): Form[] =>
  names.map((name) => shown(name, () => [`${name}: ${MARKED_ADDRESS}`]))

/** Where a header says that the request was for, to mislead a decision. */
const elsewhere = ['X-Original-URL', 'X-Rewrite-URL', 'X-Envoy-Original-Path', 'X-Original-Uri', 'X-Original-Path']

const forwardedUris = ['X-Forwarded-Uri', 'X-Forwarded-Path', 'X-Auth-Request-Redirect']

export const contextHeaders: readonly Case[] = [
  {
    id: 'H6',
    advisories: ['CVE-2026-25748'],
    family: 'headers',
    title: 'broken session cookies',
    why: 'A cookie that cannot be read must mean nobody, not a request without an identity check.',
    forms: ['session=%%%', 'heimdall_session=', 'heimdall_session=hs_%00', 'heimdall_session="', '=;=;;'].map(
      (cookie) => stranger(cookie, () => [`Cookie: ${cookie}`]),
    ),
  },
  {
    id: 'H9',
    advisories: ['CVE-2026-40575', 'GHSA-7x63-xv5r-3p2x'],
    family: 'headers',
    title: 'a public path in X-Forwarded-Uri',
    why: 'A decision on the path that a header names is a decision on a path that the client chose.',
    forms: [
      ...forwardedUris.map((name) => stranger(name, (aim) => [`${name}: ${aim.open}`])),
      stranger('with a method', (aim) => [`X-Forwarded-Uri: ${aim.open}`, 'X-Forwarded-Method: OPTIONS']),
      stranger('with a host', (aim) => [`X-Forwarded-Uri: ${aim.open}`, `X-Forwarded-Host: ${aim.host}`]),
    ],
  },
  {
    id: 'H10',
    advisories: ['CVE-2023-27487', 'CVE-2024-45806'],
    family: 'headers',
    title: 'another path in a rewrite header',
    why: 'Frameworks that honour rewrite headers serve another path than the one that was judged.',
    forms: [
      ...elsewhere.map((name) => stranger(`${name} of a public path`, (aim) => [`${name}: ${aim.open}`])),
      ...elsewhere.map((name) => shown(`${name} of a closed path`, (aim) => [`${name}: ${aim.closed}?${MARK}`])),
    ],
  },
  {
    id: 'H11',
    advisories: ['CVE-2026-35051', 'CVE-2026-54764', 'GHSA-vhr5-ggp3-qq85', 'CVE-2026-3635'],
    family: 'headers',
    title: 'where the request is said to come from',
    why: 'Access lists, limits and logs of a service that believes these names are the client’s to write.',
    forms: [
      ...['Host', 'Proto', 'Port', 'Prefix', 'Uri', 'Method', 'Server', 'Ssl', 'Scheme', 'Client-Cert', 'By', 'Path']
        .map((name) => `X-Forwarded-${name}`)
        .flatMap((name) => named(name)),
      ...addressed('X-Forwarded-For', 'X-Real-Ip', 'True-Client-Ip', 'CF-Connecting-IP', 'X-Client-IP', 'Client-IP'),
      ...addressed('X-True-Client-IP', 'X-Cluster-Client-IP', 'Fastly-Client-IP', 'X-Originating-IP', 'X-Remote-Addr'),
      ...named('X-Scheme', 'X-Host', 'X-HTTP-Host-Override', 'Client-Cert', 'Client_Cert', 'Front-End-Https'),
      shown('Forwarded', () => [`Forwarded: for=${MARKED_ADDRESS};proto=https;host=${MARK}`]),
      shown('X-Forwarded-For of many', () => [
        `X-Forwarded-For: ${MARKED_ADDRESS}, 10.0.0.1`,
        `X-Forwarded-For: ${MARKED_ADDRESS}`,
      ]),
    ],
  },
  {
    id: 'H12',
    advisories: ['CVE-2026-34457', 'GHSA-5hvv-m4w4-gf6v'],
    family: 'headers',
    title: 'the User-Agent of a health check',
    why: 'Anybody can say that they are a health check.',
    forms: ['kube-probe/1.30', 'GoogleHC/1.0', 'ELB-HealthChecker/2.0', 'Envoy/HC'].map((agent) =>
      stranger(agent, () => [`User-Agent: ${agent}`]),
    ),
  },
  {
    id: 'H14',
    advisories: ['method override'],
    family: 'headers',
    title: 'another method in a header',
    why: 'The rule is read for GET and the service deletes.',
    forms: [
      ...named('X-HTTP-Method-Override', 'X_HTTP_Method_Override', 'X-Method-Override', 'X-HTTP-Method'),
      ...['X-HTTP-Method-Override', 'X-Method-Override'].map((name) =>
        stranger(`${name} as OPTIONS`, () => [`${name}: OPTIONS`]),
      ),
    ],
  },
  {
    id: 'H15',
    advisories: ['CVE-2022-24112', 'CVE-2026-27588'],
    family: 'headers',
    title: 'a request that claims to come from inside, or for another spelling of the host',
    why: 'Loopback addresses and unknown hosts are where rules are forgotten.',
    forms: [
      ...['X-Real-IP', 'X-Forwarded-For', 'X-Custom-IP-Authorization', 'X-Originating-IP'].map((name) =>
        stranger(`${name}: 127.0.0.1`, () => [`${name}: 127.0.0.1`]),
      ),
      toHost('the host in capitals', (host) => host.toUpperCase()),
      toHost('the host with a final dot', (host) => host.replace(/(?=:\d+$)|$/, '.')),
      toHost('another host', () => 'localhost'),
    ],
  },
  {
    id: 'H16',
    advisories: ['GHSA-c5c4-8r6x-56w3'],
    family: 'headers',
    title: 'an e-mail address with two @',
    why: 'A domain check on the wrong part lets strangers in; showing it needs an issuer that signs such a claim.',
    forms: [],
  },
  {
    id: 'H18',
    advisories: ['CVE-2016-5385'],
    family: 'headers',
    title: 'Proxy',
    why: 'CGI turns it into HTTP_PROXY, and the service sends its own requests through the client.',
    forms: named('Proxy'),
  },
  {
    id: 'C10',
    advisories: ['CVE-2026-21710', 'CVE-2026-21717'],
    family: 'headers',
    title: 'names that mean something to JavaScript',
    why: 'One request with `__proto__:` ends a process that keeps headers in ordinary objects.',
    forms: [
      ...['__proto__', 'constructor', 'hasOwnProperty'].map((name) => open(name, 'single', () => [`${name}: x`])),
      open('ninety numbers', 'single', () => Array.from({ length: 90 }, (_, index) => `${index}: x`)),
    ],
  },
]
