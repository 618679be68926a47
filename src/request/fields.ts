/**
 * Header field names: how they are spelled, and the forms under which other software might read them.
 *
 * @module
 */

/**
 * The name a CGI, WSGI or PHP service would see (RFC 3875 §4.1.18): each run of other characters becomes one `_`.
 * Two headers that collapse to the same name are the same header to such a service.
 */
export function collapse(name: string): string {
  return name
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toUpperCase()
}

/** Whether a text is a token (RFC 9110 §5.6.2), as methods and field names must be. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~\w]+$/.test(text)
}

/** Headers that may appear once (RFC 9110 §5.3): a second one is a second opinion on who asks or where the body ends. */
export const singletons: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-length',
  'content-type',
  'transfer-encoding',
])

/** Headers about one connection only (RFC 9110 §7.6.1, and the older ones that software still sends). */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authorization',
  'http2-settings',
])

const MOST_SPELLINGS = 4096
const LONGEST_SPELLING = 64

/**
 * Remembers what `classify` says about each spelling of a name: one look-up on the request path.
 * Clients choose spellings, so the memory is bounded; it starts anew when full, lest junk stay in it for ever.
 *
 * @param most spellings kept at a time
 */
export function perSpelling<T extends string | number | boolean>(
  classify: (name: string) => T,
  most = MOST_SPELLINGS,
): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    const remembered = known.get(name)
    if (remembered !== undefined) return remembered
    if (name.length > LONGEST_SPELLING) return classify(name)
    const own = copied(name)
    const answer = classify(own)
    if (known.size >= most) known.clear()
    known.set(own, answer)
    return answer
  }
}

/** V8 keeps what is cut out of a long text as a view of all of it: a name must not hold a whole head in memory. */
function copied(name: string): string {
  return Buffer.from(name).toString()
}

/** Lower-cases a field name. */
export const lowerName = perSpelling((name) => name.toLowerCase())
