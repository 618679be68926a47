/**
 * The questions there are, in the order of a request's way.
 *
 * @module
 */
import type { Question } from './question.ts'
import { authn } from './questions/authn.ts'
import { authz } from './questions/authz.ts'
import { gate } from './questions/gate.ts'
import { http } from './questions/http.ts'
import { identity } from './questions/identity.ts'
import { ratelimit } from './questions/ratelimit.ts'
import { request } from './questions/request.ts'
import { routing } from './questions/routing.ts'
import { telemetry } from './questions/telemetry.ts'

export const questions: readonly Question[] = [
  ...request,
  ...routing,
  ...authn,
  ...authz,
  ...ratelimit,
  ...identity,
  ...gate,
  ...http,
  ...telemetry,
]
