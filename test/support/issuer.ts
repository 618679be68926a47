/**
 * An issuer of tokens that are good now, with its keys on a server of its own.
 *
 * @module
 */
import { startJwksServer, type JwksServer } from './jwks-server.ts'
import { newSigner, token, type Signer } from './tokens.ts'

export interface TestIssuer {
  /** What tokens say in `iss`; the keys are at `keys.url`. */
  readonly name: string
  readonly keys: JwksServer
  /** Signs from now on; publish its `jwk` in `keys.keys`. */
  signer: Signer
  /** A token of `subject` for the audience `orders-api`, five minutes from now on; `part` is laid over its claims. */
  token(subject: string, part?: Readonly<Record<string, unknown>>): string
  /** The header that carries one. */
  as(subject: string, part?: Readonly<Record<string, unknown>>): { Authorization: string }
  close(): Promise<void>
}

/** Starts one; its name is the address of its server unless told otherwise. */
export async function startIssuer(options: { name?: string; alg?: string } = {}): Promise<TestIssuer> {
  const first = newSigner(options.alg ?? 'ES256', `kid-${options.name ?? 'first'}`)
  const keys = await startJwksServer([first.jwk])
  const name = options.name ?? keys.origin
  const issuer: TestIssuer = {
    name,
    keys,
    signer: first,
    token: (subject, part = {}) => token(issuer.signer, { ...claimsNow(name, subject), ...part }),
    as: (subject, part) => ({ Authorization: `Bearer ${issuer.token(subject, part)}` }),
    close: () => keys.close(),
  }
  return issuer
}

/** Claims that a token of today has. */
export function claimsNow(iss: string, sub: string): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return { iss, sub, aud: 'orders-api', iat: now, exp: now + 300 }
}
