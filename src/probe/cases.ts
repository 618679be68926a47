/**
 * Every case of the corpus.
 *
 * @module
 */
import type { Case } from './case.ts'
import { framing } from './cases/framing.ts'
import { headers } from './cases/headers.ts'
import { hints } from './cases/hints.ts'
import { paths } from './cases/paths.ts'
import { tokens } from './cases/tokens.ts'

const families = [[...headers, ...hints], paths, framing, tokens]

export const cases: readonly Case[] = families.flatMap((family) =>
  family.toSorted((one, other) => numberOf(one) - numberOf(other)),
)

function numberOf({ id }: Case): number {
  return Number(id.slice(1)) + (id.startsWith('C') ? 100 : 0)
}
