/**
 * Cookies as a gateway needs them: the values of one name, without an opinion on the rest.
 *
 * @module
 */
import { headerValues, type Incoming } from '#request/incoming.ts'

/**
 * Every value sent under a cookie name, over all `Cookie` headers (RFC 6265 §5.4); names are compared exactly.
 * More than one is for the caller to refuse: software behind us might pick another than we did.
 */
export function cookieValues(request: Incoming, name: string): string[] {
  const values: string[] = []
  for (const header of headerValues(request, 'cookie')) {
    for (const pair of header.split(';')) {
      const equals = pair.indexOf('=')
      if (equals !== -1 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim())
    }
  }
  return values
}
