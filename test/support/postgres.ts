/**
 * A real Postgres for tests.
 *
 * @module
 */
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'

import {
  childrenOf,
  eventually,
  freePort,
  isGone,
  kill,
  needs,
  output,
  signal,
  start,
  type RunAs,
} from './processes.ts'

const POSTGRES = '/usr/lib/postgresql/15/bin/postgres'
const INITDB = '/usr/lib/postgresql/15/bin/initdb'
const BASEBACKUP = '/usr/lib/postgresql/15/bin/pg_basebackup'

/** For `suite(…, { skip: noPostgres })`. */
export const noPostgres = needs(POSTGRES, INITDB)

export interface TestPostgres {
  /** Of the superuser and an empty database of its own. */
  readonly url: string
  readonly port: number
  /** Stops it from answering while connections stay open, until `resume`. */
  pause(): void
  resume(): void
  /** Kills it with all its connections; `restart` brings it back with its data on the same port. */
  crash(): Promise<void>
  /** Shuts it down as a failover does (`-m immediate`): clients are told, and cut off in the middle of what they do. */
  shutDown(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Postgres refuses to run as root. */
function whom(): RunAs {
  if (process.getuid?.() !== 0) return {}
  return { uid: Number(output('id', ['-u', 'postgres'])), gid: Number(output('id', ['-g', 'postgres'])) }
}

/** Starts one on a free port of loopback, with its data in a temporary directory. */
export async function startPostgres(): Promise<TestPostgres> {
  const as = whom()
  return launch(as, (data) => {
    output(INITDB, ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8'], as)
  })
}

export interface TestReplica extends TestPostgres {
  /** Waits until it has all that the primary had when asked. */
  caughtUp(): Promise<void>
  /** It becomes a primary of its own, and is asked for writes from now on. */
  promote(): Promise<void>
}

/** Starts a streaming replica of one. */
export async function startReplica(of: TestPostgres): Promise<TestReplica> {
  const as = whom()
  const replica = await launch(as, (data) => {
    const from = ['-h', '127.0.0.1', '-p', String(of.port), '-U', 'postgres']
    output(BASEBACKUP, ['-D', data, ...from, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'], as)
  })
  const ask = async ({ url }: TestPostgres, text: string) => {
    const client = new Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query<{ it: unknown }>(text)
    await client.end()
    return rows[0]?.it
  }
  return {
    ...replica,
    async caughtUp() {
      const position = String(await ask(of, 'select pg_current_wal_lsn() as it'))
      const has = () => ask(replica, `select pg_last_wal_replay_lsn() >= '${position}'::pg_lsn as it`)
      await eventually('the replica has caught up', async () => (await has()) === true)
    },
    async promote() {
      await ask(replica, 'select pg_promote(true) as it')
      await eventually(
        'it is a primary',
        async () => (await ask(replica, 'select pg_is_in_recovery() as it')) === false,
      )
    },
  }
}

/** @param fill makes the data directory */
async function launch(as: RunAs, fill: (data: string) => void): Promise<TestPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'heimdall-pg-'))
  if (as.uid !== undefined && as.gid !== undefined) chownSync(directory, as.uid, as.gid)
  const data = join(directory, 'data')
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  fill(data)
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`]
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((one) => ['-c', one])]
  let server = start(POSTGRES, args, as)
  const answers = () => eventually('postgres answers', () => canConnect(url), 15_000)
  const everyone = () => (server.pid === undefined ? [] : [server.pid, ...childrenOf(server.pid)])
  const tell = (name: NodeJS.Signals) => everyone().forEach((pid) => signal(pid, name))
  const crash = async () => {
    const pids = everyone()
    tell('SIGKILL')
    await kill(server)
    await eventually('postgres is gone', () => pids.every(isGone))
    rmSync(join(data, 'postmaster.pid'), { force: true })
  }
  await answers()
  return {
    url,
    port,
    pause: () => tell('SIGSTOP'),
    resume: () => tell('SIGCONT'),
    crash,
    async shutDown() {
      signal(server.pid, 'SIGQUIT')
      await eventually('postgres is gone', () => server.exitCode !== null || server.signalCode !== null)
    },
    async restart() {
      server = start(POSTGRES, args, as)
      await answers()
    },
    async stop() {
      await crash()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function canConnect(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
