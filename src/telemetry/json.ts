/**
 * Text as JSON (RFC 8259 §7) that is also safe to look at: nothing in a log line may move a terminal's cursor,
 * end a line for some reader, or turn the direction of the text around it.
 *
 * @module
 */

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
/** DEL and C1 controls, marks of direction, line and paragraph separators, the byte order mark. */
const invisible = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** Escapes what JSON allows to stand as it is but terminals and line readers act on. */
export function escapeInvisible(json: string): string {
  return json.replace(invisible, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A JSON string of at most `longest` characters of `text`; anything but printable ASCII takes the slow way. */
export function jsonText(text: string, longest = 256): string {
  const kept = text.length > longest ? `${text.slice(0, longest)}…` : text
  return plain.test(kept) ? `"${kept}"` : escapeInvisible(JSON.stringify(kept))
}
