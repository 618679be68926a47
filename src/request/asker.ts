/**
 * Who asks for work on a credential that nothing is known of yet: a signature to check, a record to look up.
 *
 * Whoever makes credentials up can ask for such work without end, so it is asked for before it is done,
 * and put down to the client when it was in vain.
 *
 * @module
 */
import type { Deny } from './verdict.ts'

export interface Asker {
  /** The client that the work is done for, as far as addresses tell clients apart; undefined: work of our own. */
  readonly client: string | undefined
  /** Asked before work on a credential: the refusal when too much for this client was in vain, undefined when it may be done. */
  refuseWork(): Deny | undefined
}

/** Asks on nobody's account: for what is known already, such as the credential of a tunnel that is open. */
export const unhindered: Asker = { client: undefined, refuseWork: () => undefined }
