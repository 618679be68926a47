/**
 * Files for Heimdall: routes that ask for a permission and count per subject, and what a candidate changes of that.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
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

const IN_A_FILE = 1000 // routes

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
    `  issuer: { jwt: { issuer: ${ISSUER}, audience: ${AUDIENCE}, jwks_file: ../jwks.json } }`,
    ...(stores === undefined ? [] : ['  login: { session: {} }', '  keys: { api_key: {} }']),
    `limits: { ${chosen.map((name) => `${name}: ${limits[name]}`).join(', ')} }`,
    `defaults: { upstream: service, authenticate: [${authenticate}], limits: [${chosen.join(', ')}], require: { permissions: ["items:read"] } }`,
  ]
}

/** @returns path of the file */
export function heimdallFile(world: World, ports: Ports, options: HeimdallOptions = {}): string {
  const { upstream, echo } = world
  const { routes = 100 } = options
  const folder = join(world.folder, `heimdall-${ports.listen}`) // of its own: what is written beside it is looked at
  mkdirSync(folder, { recursive: true })
  const services = Array.from(
    { length: routes - 3 },
    (_, index) => `  - { name: service-${index}, path: "/services/${index}/**", methods: [GET, POST] }`,
  )
  for (let file = 0; services.length > IN_A_FILE; file += 1)
    writeFileSync(join(folder, `routes-${file}.yaml`), ['routes:', ...services.splice(-IN_A_FILE), ''].join('\n'))
  const text = [
    'version: 1',
    `listen: 127.0.0.1:${ports.listen}`,
    `probes: 127.0.0.1:${ports.probes}`,
    'overload: { delay: 10s }', // who was stopped between rounds is late when it goes on
    `upstreams: { service: "${upstream.origin}", echo: "${echo.origin}" }`,
    ...blocks(options),
    ...(routes > IN_A_FILE ? [`include: ["routes-*.yaml"]`] : []),
    'routes:',
    ...services,
    '  - { name: public, path: "/public/**", public: true, limits: [] }',
    '  - { name: closed, path: "/closed/**", require: { permissions: ["items:destroy"] } }',
    `  - { name: echo, path: "${ECHO_PATH}", upstream: echo }`,
    '',
  ].join('\n')
  const path = join(folder, 'heimdall.yaml')
  writeFileSync(path, text)
  return path
}
