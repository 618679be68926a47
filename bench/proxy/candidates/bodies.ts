/**
 * Large bodies, in and out. The other proxies check nothing; Heimdall decides in full, on an RS256 token seen before.
 *
 * @module
 */
import { join } from 'node:path'

import type { Candidate, Same } from '../candidate.ts'
import { plainFile } from '../files/nginx.ts'
import { BIG_PATH, PATH, type World } from '../world.ts'
import { heimdall } from './gateway.ts'
import { forged, good, PEERS } from './proxies.ts'

const FEW = 16 // connections: 64 of them would measure how much memory the sockets may take

const post = (world: World): Same => ({ kind: 'same', path: PATH, headers: good(world), post: true })
const big = (world: World): Same => ({ kind: 'same', path: BIG_PATH, headers: good(world), connections: FEW })

type Command = Candidate['command']

const nginx: Command = ({ folder, upstream }, { listen }) => ['nginx', '-c', plainFile(folder, listen, upstream)]
const node =
  (file: string): Command =>
  ({ upstream }, { listen }) => [process.execPath, file, String(listen), upstream.origin]

const fastify = node(join(PEERS, 'fastify.js'))
const httpProxy3 = node(join(PEERS, 'http-proxy-3.js'))
const relay = node(join(PEERS, '../relay.ts'))

export const bodies: readonly Candidate[] = [
  { id: 'post-nginx', group: 'post', title: 'nginx, plain proxy', traffic: post, command: nginx },
  { id: 'post-fastify', group: 'post', title: '@fastify/http-proxy', needs: ['npm'], traffic: post, command: fastify },
  { id: 'post-http-proxy-3', group: 'post', title: 'http-proxy-3', traffic: post, command: httpProxy3 },
  { id: 'post', group: 'post', title: 'Heimdall', quick: true, traffic: post, bad: forged, command: heimdall() },
  { id: 'big-nginx', group: 'big', title: 'nginx, plain proxy', traffic: big, command: nginx },
  { id: 'big-relay', group: 'big', title: 'undici relay that decides nothing', traffic: big, command: relay },
  { id: 'big-fastify', group: 'big', title: '@fastify/http-proxy', needs: ['npm'], traffic: big, command: fastify },
  { id: 'big-http-proxy-3', group: 'big', title: 'http-proxy-3', traffic: big, command: httpProxy3 },
  { id: 'big', group: 'big', title: 'Heimdall', quick: true, traffic: big, bad: forged, command: heimdall() },
]
