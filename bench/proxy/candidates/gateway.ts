/**
 * Heimdall without stores: who asks, how much is checked, how large the file is, and what it runs on.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { FLAGS } from '../../../test/support/flags.ts'
import { otherNode } from '../../../test/system/runtime.ts'
import type { Candidate, Once, Plan, Same } from '../candidate.ts'
import type { Command } from '../children.ts'
import { CLOSED_PATH, heimdallFile, PUBLIC_PATH, type HeimdallOptions, type Ports } from '../files/heimdall.ts'
import type { Algorithm } from '../tokens.ts'
import { PATH, type World } from '../world.ts'
import { forged, good } from './proxies.ts'

const MAIN = join(import.meta.dirname, '../../../src/main.ts')
const extra = (process.env['HEIMDALL_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')

/** `heimdall serve` as the image starts it, with the flags of `HEIMDALL_NODE_FLAGS` besides. */
export function serveCommand(file: string, node = process.execPath): Command {
  return [node, ...FLAGS, ...extra, MAIN, 'serve', '--config', file]
}

/** A command with a file of these options. */
export function heimdall(options: HeimdallOptions = {}) {
  return (world: World, ports: Ports): Command => serveCommand(heimdallFile(world, ports, options))
}

const seen =
  (algorithm: Algorithm = 'RS256') =>
  (world: World): Same => ({ kind: 'same', path: PATH, headers: good(world, algorithm) })

const never =
  (algorithm: Algorithm) =>
  (world: World, plan: Plan): Once => ({
    kind: 'once',
    path: PATH,
    header: 'Authorization',
    sample: `Bearer ${world.tokens.good[algorithm]}`,
    list: () => world.tokens.list(algorithm, plan.once),
  })

const ordinary = { traffic: seen(), bad: forged, command: heimdall() } as const

/** What `heimdall check` says against a file; undefined when it is good. */
function refused(file: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'check', '--config', file], {
    encoding: 'utf8',
  })
  if (status === 0) return undefined
  const [reason = 'the file is refused'] = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('workers'))
  return reason.trim()
}

const twoWorkers = (world: World, ports: Ports) => refused(heimdallFile(world, ports, { workers: 2 }))

export const gateway: readonly Candidate[] = [
  {
    ...ordinary,
    id: 'public',
    group: 'proxies',
    title: 'Heimdall, public route',
    quick: true,
    bad: undefined,
    traffic: (world) => ({ kind: 'same', path: PUBLIC_PATH, headers: good(world) }),
  },
  {
    ...ordinary,
    id: 'heimdall',
    group: 'proxies',
    title: 'Heimdall, RS256 seen before, permission, limit',
    quick: true,
    paced: true,
  },
  {
    ...ordinary,
    id: 'es256',
    group: 'tokens',
    title: 'ES256 seen before',
    traffic: seen('ES256'),
    bad: (world) => forged(world, 'ES256'),
  },
  {
    ...ordinary,
    id: 'eddsa',
    group: 'tokens',
    title: 'EdDSA seen before',
    traffic: seen('EdDSA'),
    bad: (world) => forged(world, 'EdDSA'),
  },
  {
    ...ordinary,
    id: 'never-rs256',
    group: 'tokens',
    title: 'RS256, every token a new one',
    quick: true,
    traffic: never('RS256'),
  },
  {
    ...ordinary,
    id: 'never-es256',
    group: 'tokens',
    title: 'ES256, every token a new one',
    traffic: never('ES256'),
  },
  { ...ordinary, id: 'no-limit', group: 'limits', title: 'no limit', command: heimdall({ limits: [] }) },
  {
    ...ordinary,
    id: 'limits-3',
    group: 'limits',
    title: 'three local limits: per subject, client, subject and route',
    command: heimdall({ limits: ['per-subject', 'per-client', 'per-route'] }),
  },
  { ...ordinary, id: 'routes-10', group: 'scale', title: '10 routes', command: heimdall({ routes: 10 }) },
  {
    ...ordinary,
    id: 'routes-10000',
    group: 'scale',
    title: '10,000 routes',
    quick: true,
    patience: 60_000,
    command: heimdall({ routes: 10_000 }),
  },
  {
    ...ordinary,
    id: 'workers-2',
    group: 'scale',
    title: '2 workers',
    quick: true,
    place: 'workers',
    missing: twoWorkers,
    command: heimdall({ workers: 2 }),
  },
  {
    ...ordinary,
    id: 'node-26',
    group: 'scale',
    title: 'on Node 26',
    needs: ['node-26'],
    command: (world, ports) => serveCommand(heimdallFile(world, ports), otherNode()),
  },
  {
    ...ordinary,
    id: 'own',
    group: 'own',
    title: '403 for want of a permission',
    paced: true,
    traffic: (world) => ({ kind: 'same', path: CLOSED_PATH, headers: good(world), status: 403 }),
  },
  {
    ...ordinary,
    id: 'own-2',
    group: 'own',
    title: '403 for want of a permission, 2 workers',
    quick: true,
    paced: true,
    place: 'anywhere',
    missing: twoWorkers,
    traffic: (world) => ({ kind: 'same', path: CLOSED_PATH, headers: good(world), status: 403 }),
    command: heimdall({ workers: 2 }),
  },
]
