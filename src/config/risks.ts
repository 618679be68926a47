/**
 * Dangerous settings: each is an error unless `accept_risk` lists it by name.
 *
 * @module
 */
import { isIPv6 } from 'node:net'

import { isSymmetric } from '#authn/jwt/algorithms.ts'
import { isLoopback } from '#values/network.ts'

import type { Draft } from './check.ts'
import type { Finding, Path } from './problem.ts'
import type { RiskName } from './risk-names.ts'

interface Risk {
  readonly name: RiskName
  readonly path: Path
  readonly danger: string
}

/** What the settings risk and nobody accepted, and what was accepted in vain. */
export interface RiskReview {
  readonly findings: readonly Finding[]
  readonly warnings: readonly Finding[]
}

/** Compares the dangers of a file with those it accepts. */
export function reviewRisks(draft: Draft): RiskReview {
  const accepted = draft.file.accept_risk
  const risks = [...admin(draft), ...catchAll(draft), ...proxies(draft), ...issuers(draft), ...algorithms(draft)]
  const open = risks.filter(({ name }) => !accepted.includes(name))
  const idle = accepted
    .map((name, index) => ({ name, index }))
    .filter(({ name }) => !risks.some((risk) => risk.name === name))
  return {
    findings: open.map(({ name, path, danger }) => ({
      path,
      message: `${danger}; \`accept_risk: [${name}]\` if you mean it`,
    })),
    warnings: idle.map(({ index }) => ({
      path: ['accept_risk', index],
      message: 'accepts a risk that no setting takes',
    })),
  }
}

function admin({ file }: Draft): Risk[] {
  if (file.admin === undefined || isLoopback(file.admin.host)) return []
  return [{ name: 'public_admin', path: ['admin'], danger: 'offers administration to the network' }]
}

/** Deny is the default: what nobody thought of must not be open. */
function catchAll({ routes }: Draft): Risk[] {
  return routes
    .filter(({ merged }) => merged.public && merged.path === '/**')
    .map(({ path }) => ({
      name: 'public_by_default',
      path: [...path, 'public'],
      danger: 'opens every path that has no route of its own',
    }))
}

function proxies({ file }: Draft): Risk[] {
  return [...file.trusted_proxies.entries()]
    .filter(([, network]) => isTooWide(network))
    .map(([index]) => ({
      name: 'trust_everyone',
      path: ['trusted_proxies', index],
      danger: 'lets strangers choose their own client address',
    }))
}

/** Wider than any private network (10.0.0.0/8, fc00::/7), the IPv4 networks hidden in IPv6 included. */
function isTooWide(network: string): boolean {
  const [address = '', prefix] = network.split('/')
  if (prefix === undefined) return false
  if (!isIPv6(address)) return Number(prefix) < 8
  return Number(prefix) < (isMapped(address) ? 96 + 8 : 7)
}

/** `::ffff:0:0/96` in any spelling holds all of IPv4. */
function isMapped(address: string): boolean {
  return /^(?:::|(?:0{1,4}:){1,5}:?|::(?:0{1,4}:){1,4})ffff:/i.test(address)
}

function issuers({ file }: Draft): Risk[] {
  return Object.entries(file.authenticators).flatMap(([name, { jwt }]) =>
    (['issuer', 'jwks_url'] as const)
      .filter((key) => isPlainHttp(jwt?.[key]))
      .map((key): Risk => ({
        name: 'plain_http_issuer',
        path: ['authenticators', name, 'jwt', key],
        danger: 'fetches keys over http, where anybody on the way can put in their own',
      })),
  )
}

function isPlainHttp(url: string | undefined): boolean {
  return (
    url !== undefined && URL.canParse(url) && new URL(url).protocol === 'http:' && !isLoopback(new URL(url).hostname)
  )
}

function algorithms({ file }: Draft): Risk[] {
  return Object.entries(file.authenticators)
    .filter(([, { jwt }]) => jwt?.algorithms.some(isSymmetric))
    .map(([name]) => ({
      name: 'symmetric_algorithms',
      path: ['authenticators', name, 'jwt', 'algorithms'],
      danger: 'lets everybody who can check a token also make one',
    }))
}
