/**
 * All candidates, in the order of the tables.
 *
 * @module
 */
import type { Candidate } from './candidate.ts'
import { bodies } from './candidates/bodies.ts'
import { gateway } from './candidates/gateway.ts'
import { directory } from './candidates/directory.ts'
import { proxies } from './candidates/proxies.ts'
import { webSockets } from './candidates/websocket.ts'

export const candidates: readonly Candidate[] = [...proxies, ...gateway, ...directory, ...bodies, ...webSockets]
