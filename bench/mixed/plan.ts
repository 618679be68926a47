/**
 * What the two processes of a run tell each other: the one that starts the world, and the clients.
 *
 * @module
 */

/** What clients need to know. */
export interface Plan {
  /** Ports of the gateways. */
  readonly gateways: readonly number[]
  readonly identities: number
  readonly rate: number
  readonly warmUp: number
  readonly seconds: number
  readonly issuer: string
  /** Of the issuer: private key as a JWK, and its name. */
  readonly signer: { readonly jwk: Record<string, unknown>; readonly kid: string }
  /** URL of the directory's owner. */
  readonly postgres: string
  /** Where the credentials of sessions and keys lie, in the order of the identities that have them. */
  readonly secrets: string
}

/** What happens to an ended session. */
export interface Ending {
  readonly ended: number
  readonly asked: number
  readonly refused: number
  /** Milliseconds after its end at which a request was sent that was still let through; the longest. */
  readonly longest: number
  /** How often one was let through that was sent more than five seconds after the end. */
  readonly late: number
}

/** Waits of one second, milliseconds. */
export interface Second {
  readonly count: number
  readonly p50: number
  readonly p99: number
}

export interface Waits extends Second {
  readonly p999: number
  readonly most: number
  /** Answers other than 200 to credentials that are good. */
  readonly failed: number
  /** Which answers these were. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** What clients did in the measured time. */
export interface Findings {
  readonly all: Waits
  readonly seconds: readonly Second[]
  readonly renewed: number
  readonly joined: number
  readonly endings: Ending
}

/** From the clients. */
export type Told =
  | { readonly kind: 'ready' }
  | { readonly kind: 'cold'; readonly waits: Waits; readonly seconds: number }
  | { readonly kind: 'measuring' }
  | { readonly kind: 'done'; readonly record: Findings }
