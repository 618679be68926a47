/**
 * Every case of the corpus.
 *
 * @module
 */
import type { Case } from './case.ts'
import { contextHeaders } from './cases/context-headers.ts'
import { framing } from './cases/framing.ts'
import { identityHeaders } from './cases/identity-headers.ts'
import { paths } from './cases/paths.ts'
import { tokens } from './cases/tokens.ts'

const families = [[...identityHeaders, ...contextHeaders], paths, framing, tokens]

export const cases: readonly Case[] = families.flatMap((family) =>
  family.toSorted((one, other) => numberOf(one) - numberOf(other)),
)

function numberOf({ id }: Case): number {
  return Number(id.slice(1)) + (id.startsWith('C') ? 100 : 0)
}
