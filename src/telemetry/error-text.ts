/**
 * What an error says, in one line.
 *
 * @module
 */

/** Message of an error; its code when the message is empty, as for a host all of whose addresses refuse a connection. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || String('code' in error ? error.code : error.name)
}
