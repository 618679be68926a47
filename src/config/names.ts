/**
 * Names people give to things in the file.
 *
 * They become metric labels, log fields and parts of limit keys, so they are short and plain.
 *
 * @module
 */
import { z } from 'zod'

const pattern = /^[A-Za-z0-9][\w.-]{0,63}$/

/** Schema of a name: a letter or digit, then up to 63 letters, digits, `_`, `-` and `.`. */
export function name() {
  return z
    .string('must be a name')
    .regex(pattern, 'must be a name (a letter or digit, then at most 63 letters, digits, `_`, `-` or `.`)')
}
