/**
 * What an error says.
 *
 * @module
 */
import { escapeInvisible } from './json.ts'

const controls = /(?![\n\t])\p{Cc}/gu

/**
 * Message of an error; its code when the message is empty, as for a host all of whose addresses refuse a connection.
 * It may quote what the other side said, such as the name in a certificate, so it is made safe to look at.
 */
export function errorText(error: unknown): string {
  const text = textOf(error).replace(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return escapeInvisible(text)
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || String('code' in error ? error.code : error.name)
}
