/**
 * What must hold for every request that reaches a service, whatever was sent to the gateway: the header, path and framing oracles.
 *
 * They are written anew here, apart from the code under test, and judge the bytes that a recording upstream received.
 *
 * @module
 */
import assert from 'node:assert/strict'

import type { UpstreamRequest } from './upstream.ts'

/** Names that gateways and services of this kind believe, in the form a CGI service would read. */
const believed =
  /^(?:X_HEIMDALL|X_FORWARDED|X_ORIGINAL|X_ENVOY|X_AUTH_REQUEST|X_AUTHENTICATED|X_CONSUMER|X_CREDENTIAL)|^(?:FORWARDED|REMOTE_(?:USER|GROUPS|EMAIL|NAME)|X_REAL_IP|X_CLIENT_IP|X_CLUSTER_CLIENT_IP|(?:X_)?TRUE_CLIENT_IP|CLIENT_CERT(?:_CHAIN)?|X_HTTP_HOST_OVERRIDE|CF_CONNECTING_IP|FASTLY_CLIENT_IP|CLIENT_IP|X_HOST|X_SCHEME|X_URL_SCHEME|X_REWRITE_URL|X_HTTP_METHOD(?:_OVERRIDE)?|X_METHOD_OVERRIDE|PROXY|X_REQUEST_ID|TRACEPARENT|TRACESTATE)$/

/** Those of them that the gateway itself sends, each at most once and under this very name. */
const ours =
  /^(?:X-Heimdall-[a-z]+|X-Forwarded-(?:For|Proto|Host|Port)|Forwarded|X-Request-Id|traceparent|tracestate)$/i

const hopByHop =
  /^(?:PROXY_CONNECTION|KEEP_ALIVE|TRAILER|UPGRADE|PROXY_AUTHENTICATE|PROXY_AUTHORIZATION|HTTP2_SETTINGS|EXPECT|VIA)$/

/** The name under which a CGI, WSGI or PHP service would read a header. */
function cgiName(name: string): string {
  return name
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toUpperCase()
}

/**
 * No header of the client's stands where a service looks for one of ours.
 *
 * @param custom names of an identity map of the file, as the gateway sends them
 */
export function assertHeaders(request: UpstreamRequest, custom: readonly string[] = []): void {
  const seen = new Set<string>()
  for (const [name] of request.headers) {
    const read = cgiName(name)
    const of = `${name} in ${JSON.stringify(request.head)}`
    const own = custom.find((one) => cgiName(one) === read)
    if (own !== undefined || believed.test(read)) {
      if (own === undefined) assert.match(name, ours, `a believed name: ${of}`)
      else assert.equal(name.toLowerCase(), own.toLowerCase(), `a believed name: ${of}`)
      assert.ok(!seen.has(read), `twice: ${of}`)
      seen.add(read)
    }
    if (request.header('sec-websocket-key') === undefined) assert.doesNotMatch(read, hopByHop, `of one hop: ${of}`)
  }
  const connection = request.all('connection')
  assert.ok(connection.length <= 1 && /^(?:keep-alive|close|upgrade)?$/i.test(connection[0] ?? ''), request.head)
}

/** It is one request, of the gateway's making, whose end nobody can doubt. */
export function assertFraming(request: UpstreamRequest): void {
  assert.match(request.line, /^[A-Z-]+ \/[!-~]* HTTP\/1\.1$/)
  const [ids, hosts, lengths, codings] = ['x-request-id', 'host', 'content-length', 'transfer-encoding'].map((name) =>
    request.all(name),
  )
  assert.equal(ids?.length, 1, `no request of the gateway's: ${request.head}`)
  assert.equal(hosts?.length, 1, request.head)
  assert.ok((lengths?.length ?? 0) + (codings?.length ?? 0) <= 1, `framed twice: ${request.head}`)
  for (const length of lengths ?? []) assert.match(length, /^\d+$/, request.head)
  for (const coding of codings ?? []) assert.equal(coding, 'chunked', request.head)
  assert.deepEqual(request.trailers, [], 'trailers of the client')
}

/** What a lenient service makes of a path: decoded as often as it changes, backslashes turned, parameters cut, dots removed. */
export function lenientPaths(target: string): Set<string> {
  const forms = new Set<string>()
  let form = target.split('?')[0] ?? ''
  for (let round = 0; round < 2; round += 1) {
    for (const cut of [form, form.replaceAll(/;[^/]*/g, ''), form.split('\0')[0] ?? ''])
      forms.add(withoutDots(cut.replaceAll('\\', '/')))
    form = form.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
  return forms
}

/** RFC 3986 §5.2.4, with empty segments folded. */
function withoutDots(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}`
}

/** Nobody without an identity reaches what lies under a protected prefix, by any reading of the path. */
function assertPath(request: UpstreamRequest, protectedPrefix: string): void {
  if (request.header('x-heimdall-subject') !== undefined) return
  for (const path of lenientPaths(request.target))
    assert.ok(path !== protectedPrefix && !path.startsWith(`${protectedPrefix}/`), `anonymous at ${request.target}`)
}

/** All three. */
export function assertSafe(requests: readonly UpstreamRequest[], protectedPrefix: string): void {
  for (const request of requests) {
    assertHeaders(request)
    assertFraming(request)
    assertPath(request, protectedPrefix)
  }
}
