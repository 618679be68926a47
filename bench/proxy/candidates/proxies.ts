/**
 * The other proxies before a service that answers a few bytes, and what is between client and service without any.
 *
 * @module
 */
import { join } from 'node:path'

import type { Candidate, Headers } from '../candidate.ts'
import { haproxyFile } from '../files/haproxy.ts'
import { authRequestFile, plainFile } from '../files/nginx.ts'
import type { Algorithm } from '../tokens.ts'
import { PATH, type World } from '../world.ts'

const HERE = import.meta.dirname
export const PEERS = join(HERE, '../peers')

export const good = ({ tokens }: World, algorithm: Algorithm = 'RS256'): Headers => ({
  Authorization: `Bearer ${tokens.good[algorithm]}`,
})
export const forged = ({ tokens }: World, algorithm: Algorithm = 'RS256'): Headers => ({
  Authorization: `Bearer ${tokens.forged[algorithm]}`,
})

/** A small answer to alice's RS256 token. */
const ordinary = {
  group: 'proxies',
  traffic: (world: World) => ({ kind: 'same', path: PATH, headers: good(world) }) as const,
} as const

export const proxies: readonly Candidate[] = [
  {
    ...ordinary,
    id: 'direct',
    title: 'nginx, the upstream itself',
    quick: true,
    paced: true,
    command: ({ upstream }) => upstream.port,
  },
  {
    ...ordinary,
    id: 'nginx',
    title: 'nginx, plain proxy',
    quick: true,
    paced: true,
    command: ({ folder, upstream }, { listen }) => ['nginx', '-c', plainFile(folder, listen, upstream)],
  },
  {
    ...ordinary,
    id: 'nginx-auth',
    title: 'nginx, auth_request, its answer cached by token',
    bad: forged,
    command: ({ folder, upstream }, { listen }) => ['nginx', '-c', authRequestFile(folder, listen, upstream)],
  },
  {
    ...ordinary,
    id: 'haproxy',
    title: 'HAProxy, plain',
    needs: ['haproxy'],
    command: ({ folder, upstream }, { listen }) => ['haproxy', '-f', haproxyFile(folder, listen, upstream)],
  },
  {
    ...ordinary,
    id: 'haproxy-rs256',
    title: 'HAProxy, RS256 and claims checked',
    quick: true,
    paced: true,
    needs: ['haproxy'],
    bad: forged,
    command: ({ folder, upstream }, { listen }) => [
      'haproxy',
      '-f',
      haproxyFile(folder, listen, upstream, { verify: 'RS256' }),
    ],
  },
  {
    ...ordinary,
    id: 'haproxy-rs256-log',
    title: 'HAProxy, RS256, access log, limit per subject',
    needs: ['haproxy'],
    bad: forged,
    command: ({ folder, upstream }, { listen }) => [
      'haproxy',
      '-f',
      haproxyFile(folder, listen, upstream, { verify: 'RS256', account: true }),
    ],
  },
  {
    ...ordinary,
    id: 'haproxy-es256',
    title: 'HAProxy, ES256 and claims checked',
    needs: ['haproxy'],
    bad: (world) => forged(world, 'ES256'),
    traffic: (world) => ({ kind: 'same', path: PATH, headers: good(world, 'ES256') }),
    command: ({ folder, upstream }, { listen }) => [
      'haproxy',
      '-f',
      haproxyFile(folder, listen, upstream, { verify: 'ES256' }),
    ],
  },
  {
    ...ordinary,
    id: 'relay',
    title: 'undici relay that decides nothing',
    quick: true,
    command: ({ upstream }, { listen }) => [
      process.execPath,
      join(HERE, '../relay.ts'),
      String(listen),
      upstream.origin,
    ],
  },
  {
    ...ordinary,
    id: 'fastify',
    title: '@fastify/http-proxy',
    quick: true,
    needs: ['npm'],
    command: ({ upstream }, { listen }) => [
      process.execPath,
      join(PEERS, 'fastify.js'),
      String(listen),
      upstream.origin,
    ],
  },
  {
    ...ordinary,
    id: 'http-proxy-3',
    title: 'http-proxy-3',
    command: ({ upstream }, { listen }) => [
      process.execPath,
      join(PEERS, 'http-proxy-3.js'),
      String(listen),
      upstream.origin,
    ],
  },
]
