/**
 * Who is compared, and how each is started.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { FLAGS } from '../../test/support/flags.ts'
import { haproxyFile, heimdallFile, nginxFile, PATH, PUBLIC_PATH, type Setup } from './setup.ts'

const HERE = import.meta.dirname
const PEERS = join(HERE, 'peers')
const MAIN = join(HERE, '../../src/main.ts')

export type Command = readonly [program: string, ...args: string[]]

export interface Candidate {
  /** As `--only` takes it. */
  readonly id: string
  readonly title: string
  readonly path: string
  /** Whether it is to refuse a token that somebody else signed. */
  readonly verifies: boolean
  /** Whether latency is measured too. */
  readonly waits: boolean
  /** Why it cannot take part; undefined when it can. */
  missing?(): string | undefined
  /** The command that serves on `port`, or the port of what serves already. */
  command(setup: Setup, port: number): Command | Promise<Command> | undefined
}

const ordinary = { path: PATH, verifies: false, waits: false }

export const candidates: readonly Candidate[] = [
  { ...ordinary, id: 'direct', title: 'nginx, the upstream itself', waits: true, command: () => undefined },
  {
    ...ordinary,
    id: 'nginx',
    title: 'nginx, plain proxy',
    command: (setup, port) => ['nginx', '-c', nginxFile(setup, port, setup.upstream.port)],
  },
  {
    ...ordinary,
    id: 'haproxy',
    title: 'HAProxy, plain',
    missing: () => lacks('haproxy'),
    command: (setup, port) => ['haproxy', '-f', haproxyFile(setup, port, 'plain')],
  },
  {
    ...ordinary,
    id: 'haproxy-rs256',
    title: 'HAProxy, RS256 and claims checked',
    verifies: true,
    waits: true,
    missing: () => lacks('haproxy'),
    command: (setup, port) => ['haproxy', '-f', haproxyFile(setup, port, 'rs256')],
  },
  {
    ...ordinary,
    id: 'haproxy-rs256-log',
    title: 'HAProxy, RS256, access log, limit per subject',
    verifies: true,
    missing: () => lacks('haproxy'),
    command: (setup, port) => ['haproxy', '-f', haproxyFile(setup, port, 'rs256-log')],
  },
  {
    ...ordinary,
    id: 'relay',
    title: 'undici relay that decides nothing',
    command: ({ upstream }, port) => [process.execPath, join(HERE, 'relay.ts'), String(port), upstream.origin],
  },
  {
    ...ordinary,
    id: 'fastify',
    title: '@fastify/http-proxy',
    missing: installPeers,
    command: ({ upstream }, port) => [process.execPath, join(PEERS, 'http-proxy.js'), String(port), upstream.origin],
  },
  {
    ...ordinary,
    id: 'heimdall-public',
    title: 'Heimdall, public route',
    path: PUBLIC_PATH,
    command: heimdall,
  },
  {
    ...ordinary,
    id: 'heimdall',
    title: 'Heimdall, RS256 seen before, permission, limit',
    verifies: true,
    waits: true,
    command: heimdall,
  },
]

async function heimdall(setup: Setup, port: number): Promise<Command> {
  const flags = (process.env['HEIMDALL_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')
  return [process.execPath, ...FLAGS, ...flags, MAIN, 'serve', '--config', await heimdallFile(setup, port)]
}

/** Says that a program is not installed. */
export function lacks(program: string): string | undefined {
  const found = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)))
  return found ? undefined : `${program} is not installed`
}

function installPeers(): string | undefined {
  if (existsSync(join(PEERS, 'node_modules/@fastify/http-proxy'))) return undefined
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: PEERS, stdio: 'pipe' })
    return undefined
  } catch {
    return '`npm ci` in bench/proxy/peers failed'
  }
}
