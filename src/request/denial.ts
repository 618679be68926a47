/**
 * Every way a request can be refused: one closed table gives status, metric label, log field and problem `code` one name.
 *
 * The texts are fixed per code, so that a client never learns more than the code says;
 * what only the operator may know travels as `note` to the log.
 * Answers follow RFC 9457 (problem details) and RFC 6750 §3.1 (challenges).
 *
 * @module
 */

/** What one refusal looks like from outside. */
export interface Denial {
  readonly status: number
  readonly title: string
  readonly detail: string
  /** `error` of the `WWW-Authenticate` challenge (RFC 6750 §3.1); `none` asks for a credential without naming a fault. */
  readonly challenge?: 'none' | 'invalid_token' | 'insufficient_scope'
  /** Seconds for `Retry-After` when the refusing stage knows no better. */
  readonly retry_after?: number
}

export const denials = {
  // Admission (400): the request could mean different things to us and to the service.
  target_invalid: {
    status: 400,
    title: 'Ambiguous request target',
    detail: 'The request target is malformed or could be read in more than one way.',
  },
  encoded_path: {
    status: 400,
    title: 'Encoded delimiter in path',
    detail: 'The path holds an encoded slash, backslash or NUL, or a semicolon, which this route does not accept.',
  },
  header_duplicate: {
    status: 400,
    title: 'Duplicate header',
    detail: 'A header that may appear once appears more than once.',
  },
  header_invalid: { status: 400, title: 'Invalid header', detail: 'A header of the request is malformed.' },
  host_invalid: { status: 400, title: 'Invalid Host', detail: 'The Host header is missing or malformed.' },
  framing_invalid: {
    status: 400,
    title: 'Invalid framing',
    detail: 'The length of the request body cannot be told without doubt.',
  },
  upgrade_invalid: {
    status: 400,
    title: 'Invalid upgrade',
    detail: 'The upgrade request is malformed or asks for a protocol that is not offered.',
  },
  request_malformed: { status: 400, title: 'Malformed request', detail: 'The request is not valid HTTP/1.1.' },
  version_unsupported: {
    status: 400,
    title: 'HTTP version not supported',
    detail: 'Only HTTP/1.0 and HTTP/1.1 are spoken here.',
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too large',
    detail: 'The request has too many or too large headers.',
  },
  request_timeout: { status: 408, title: 'Request timeout', detail: 'The request did not arrive in time.' },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    detail: 'The request body is larger than this route accepts.',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation failed',
    detail: 'Only `Expect: 100-continue` is understood here.',
  },

  // Routing.
  route_unknown: { status: 404, title: 'Not found', detail: 'No route answers this host and path.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'The method is not offered on this path; `Allow` lists those that are.',
  },
  client_denied: {
    status: 403,
    title: 'Client address not allowed',
    detail: 'This route does not accept requests from your address.',
  },
  origin_denied: {
    status: 403,
    title: 'Origin not allowed',
    detail: 'This route does not accept requests from the page that sent this one.',
  },

  // Authentication (401).
  no_credentials: {
    status: 401,
    title: 'Credentials required',
    detail: 'This route needs a credential and none was sent.',
    challenge: 'none',
  },
  invalid_token: {
    status: 401,
    title: 'Credential not accepted',
    detail: 'The credential is malformed, not meant for this service, or not known here.',
    challenge: 'invalid_token',
  },
  token_expired: {
    status: 401,
    title: 'Token expired',
    detail: 'The token is past its lifetime; ask its issuer for a new one.',
    challenge: 'invalid_token',
  },
  invalid_session: {
    status: 401,
    title: 'Session not accepted',
    detail: 'The session is unknown, ended or expired; sign in again.',
    challenge: 'invalid_token',
  },
  invalid_api_key: {
    status: 401,
    title: 'API key not accepted',
    detail: 'The API key is unknown, revoked or expired.',
    challenge: 'invalid_token',
  },

  // Authorization (403).
  permission_denied: {
    status: 403,
    title: 'Permission denied',
    detail: 'Your identity is known, but lacks what this route requires.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    detail: 'The token lacks a scope that this route requires.',
    challenge: 'insufficient_scope',
  },
  identity_too_large: {
    status: 403,
    title: 'Identity too large',
    detail: 'The identity holds more values than can be forwarded in headers.',
  },

  // Limits.
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'The rate limit is used up; `Retry-After` says when to try again.',
    retry_after: 1,
  },

  too_many_failures: {
    status: 429,
    title: 'Too many bad credentials',
    detail: 'Too many credentials sent from your address were not accepted; `Retry-After` says when to try again.',
    retry_after: 1,
  },

  // Our dependencies (503): never the client's fault, so never 401 and never 429.
  store_unavailable: {
    status: 503,
    title: 'Identity store unavailable',
    detail: 'The credential cannot be checked right now.',
    retry_after: 2,
  },
  keys_unavailable: {
    status: 503,
    title: 'Issuer keys unavailable',
    detail: 'The keys of the token issuer cannot be had right now.',
    retry_after: 5,
  },
  limits_unavailable: {
    status: 503,
    title: 'Limits unavailable',
    detail: 'The rate limit of this route cannot be checked right now.',
    retry_after: 2,
  },

  // The upstream.
  upstream_unreachable: {
    status: 502,
    title: 'Service unreachable',
    detail: 'The service behind the gateway could not be reached.',
  },
  upstream_failed: {
    status: 502,
    title: 'Service failed',
    detail: 'The service behind the gateway broke off or answered with something other than HTTP.',
  },
  upstream_unavailable: {
    status: 503,
    title: 'Service unavailable',
    detail: 'The service behind the gateway fails too often or is too busy, and is left alone for a moment.',
    retry_after: 5,
  },
  upstream_timeout: {
    status: 504,
    title: 'Service too slow',
    detail: 'The service behind the gateway did not answer in time.',
  },

  // Ourselves.
  overloaded: {
    status: 503,
    title: 'Overloaded',
    detail: 'The gateway has more to do than it can; `Retry-After` says when to try again.',
    retry_after: 1,
  },
  client_closed: { status: 499, title: 'Client closed request', detail: 'The client went away before the answer.' },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'The gateway met a defect of its own; the request id finds it in the log.',
  },
} as const satisfies Record<string, Denial>

export type DenialCode = keyof typeof denials
