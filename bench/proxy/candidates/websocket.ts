/**
 * WebSockets: 64 connections, each with one message on its way. The other proxies check nothing.
 *
 * @module
 */
import { join } from 'node:path'

import type { Candidate, Echo } from '../candidate.ts'
import { ECHO_PATH } from '../files/heimdall.ts'
import { haproxyFile } from '../files/haproxy.ts'
import { webSocketFile } from '../files/nginx.ts'
import type { World } from '../world.ts'
import { heimdall } from './gateway.ts'
import { forged, good, PEERS } from './proxies.ts'

const common = {
  group: 'websocket',
  traffic: (world: World): Echo => ({ kind: 'echo', path: ECHO_PATH, headers: good(world) }),
} as const

export const webSockets: readonly Candidate[] = [
  { ...common, id: 'ws-direct', title: 'the service itself', command: ({ echo }) => echo.port },
  {
    ...common,
    id: 'ws-nginx',
    title: 'nginx',
    command: ({ folder, echo }, { listen }) => ['nginx', '-c', webSocketFile(folder, listen, echo)],
  },
  {
    ...common,
    id: 'ws-haproxy',
    title: 'HAProxy, plain',
    needs: ['haproxy'],
    command: ({ folder, echo }, { listen }) => ['haproxy', '-f', haproxyFile(folder, listen, echo)],
  },
  {
    ...common,
    id: 'ws-http-proxy-3',
    title: 'http-proxy-3',
    command: ({ echo }, { listen }) => [process.execPath, join(PEERS, 'http-proxy-3.js'), String(listen), echo.origin],
  },
  { ...common, id: 'ws', title: 'Heimdall, RS256 at the handshake', quick: true, bad: forged, command: heimdall() },
]
