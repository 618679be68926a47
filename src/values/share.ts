/**
 * A share, as people write it in the file: `50%`.
 *
 * @module
 */
import { z } from 'zod'

/** Schema of a share in whole percents from 1 to 100; its output is a number above 0, at most 1. */
export function share() {
  const hint = 'must be a share such as 50%'
  return z
    .string(hint)
    .regex(/^(?:100|[1-9]\d?)%$/, hint)
    .transform((text) => Number(text.slice(0, -1)) / 100)
}
