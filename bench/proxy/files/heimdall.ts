/**
 * Files for Heimdall: routes that ask for a permission and count per subject, and what a candidate changes of that.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { AUDIENCE, ISSUER } from '../tokens.ts'
import type { World } from '../world.ts'

export const PUBLIC_PATH = '/public/3/items?page=2'
/** Asks for a permission that nobody has. */
export const CLOSED_PATH = '/closed/3/items?page=2'
export const ECHO_PATH = '/echo'

export interface HeimdallOptions {
  /** How many routes; a hundred unless told. */
  readonly routes?: number
  /** Names of limits, one per subject in this process unless told. */
  readonly limits?: readonly LimitName[]
  /** URLs; no store at all unless told. */
  readonly stores?: { readonly redis: string; readonly postgres: string }
  /** Who proves who asks; the issuer of the tokens unless told. */
  readonly authenticate?: 'issuer' | 'login' | 'keys'
  readonly workers?: number
}

const limits = {
  'per-subject': '{ allow: 100000000/min, by: subject, shared: false }',
  'per-client': '{ allow: 100000000/min, by: client, shared: false }',
  'per-route': '{ allow: 100000000/min, by: [subject, route], shared: false }',
  fleet: '{ allow: 100000000/min, by: subject, shared: true }',
}

/** `fleet` counts in Redis, the others in the process. */
export type LimitName = keyof typeof limits

/** Ports of a gateway. */
export interface Ports {
  readonly listen: number
  readonly probes: number
}

function blocks({ stores, authenticate = 'issuer', workers, ...options }: HeimdallOptions): string[] {
  const chosen = options.limits ?? ['per-subject']
  return [
    ...(workers === undefined ? [] : [`workers: ${workers}`]),
    ...(stores === undefined ? [] : [`stores: { redis: "${stores.redis}", postgres: "${stores.postgres}" }`]),
    'authenticators:',
    `  issuer: { jwt: { issuer: ${ISSUER}, audience: ${AUDIENCE}, jwks_file: jwks.json } }`,
    ...(stores === undefined ? [] : ['  login: { session: {} }', '  keys: { api_key: {} }']),
    'limits:',
    ...chosen.map((name) => `  ${name}: ${limits[name]}`),
    `defaults: { upstream: service, authenticate: [${authenticate}], limits: [${chosen.join(', ')}] }`,
  ]
}

/** @returns path of the file */
export function heimdallFile(world: World, ports: Ports, options: HeimdallOptions = {}): string {
  const { folder, upstream, echo } = world
  const services = Array.from({ length: (options.routes ?? 100) - 3 }, (_, index) => {
    const asks = 'methods: [GET, POST], require: { permissions: ["items:read"] }'
    return `  - { name: service-${index}, path: "/services/${index}/**", ${asks} }`
  })
  const text = [
    'version: 1',
    `listen: 127.0.0.1:${ports.listen}`,
    `probes: 127.0.0.1:${ports.probes}`,
    `upstreams: { service: "${upstream.origin}", echo: "${echo.origin}" }`,
    ...blocks(options),
    'routes:',
    ...services,
    '  - { name: public, path: "/public/**", public: true, limits: [] }',
    '  - { name: closed, path: "/closed/**", require: { permissions: ["items:destroy"] } }',
    `  - { name: echo, path: "${ECHO_PATH}", upstream: echo }`,
    '',
  ].join('\n')
  const path = join(folder, `heimdall-${ports.listen}.yaml`)
  writeFileSync(path, text)
  return path
}
