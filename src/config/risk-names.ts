/**
 * Names of the dangerous settings, as `accept_risk` lists them; `risks.ts` finds them.
 *
 * @module
 */

/** Each is an error unless it is accepted by name. */
export const riskNames = [
  'public_admin',
  'public_by_default',
  'trust_everyone',
  'plain_http_issuer',
  'symmetric_algorithms',
] as const
export type RiskName = (typeof riskNames)[number]
