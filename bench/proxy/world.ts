/**
 * What the candidates of a run share: the folder of their files, tokens, the upstream, and stores when one needs them.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { steadyPort } from '../../test/support/processes.ts'
import type { Children } from './children.ts'
import { startStores, type Stores } from './directory.ts'
import { upstreamFile } from './files/nginx.ts'
import { makeTokens, type Tokens } from './tokens.ts'

/** One of the services that Heimdall has routes for, however few these are. */
export const PATH = '/services/3/items?page=2'
/** Answered with 1 MB. */
export const BIG_PATH = '/services/3/big'
const MEGABYTE = 1_000_000

export interface Upstream {
  readonly port: number
  readonly origin: string
}

export interface World {
  readonly folder: string
  readonly children: Children
  readonly tokens: Tokens
  /** nginx: small answers from memory, a large one from a file, and at `auth` whether a token is the good one. */
  readonly upstream: Upstream & { readonly auth: number; readonly pid: number }
  /** Sends WebSocket messages back. */
  readonly echo: Upstream
  /** Started when first asked for. */
  readonly stores: () => Promise<Stores>
  stop(): Promise<void>
}

const at = (port: number): Upstream => ({ port, origin: `http://127.0.0.1:${port}` })

/** Starts the upstreams. */
export async function makeWorld(folder: string, children: Children): Promise<World> {
  const tokens = makeTokens(folder)
  const [upstream, auth, echo] = [at(await steadyPort()), await steadyPort(), at(await steadyPort())]
  writeFileSync(join(folder, 'big'), Buffer.alloc(MEGABYTE, 'x'))
  const file = upstreamFile({ folder, port: upstream.port, auth, authorization: `Bearer ${tokens.good.RS256}` })
  const nginx = children.launch('load', ['nginx', '-c', file])
  children.launch('load', [process.execPath, join(import.meta.dirname, 'echo-server.ts'), String(echo.port)])
  let stores: Promise<Stores> | undefined
  return {
    folder,
    children,
    tokens,
    upstream: { ...upstream, auth, pid: nginx.pid ?? 0 },
    echo,
    stores: () => (stores ??= startStores(folder)),
    stop: async () => void (await stores?.catch(() => undefined))?.stop(),
  }
}
