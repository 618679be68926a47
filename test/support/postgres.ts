/**
 * A real Postgres for tests.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'

import { childrenOf, eventually, freePort, kill, needs, output, signal, start } from './processes.ts'

const BIN = '/usr/lib/postgresql/15/bin'
const asRoot = process.getuid?.() === 0

/** For `suite(…, { skip: noPostgres })`. */
export const noPostgres = needs(join(BIN, 'postgres'), join(BIN, 'initdb'), ...(asRoot ? ['/usr/sbin/runuser'] : []))

export interface TestPostgres {
  /** Of the superuser and an empty database of its own. */
  readonly url: string
  readonly port: number
  /** Stops it from answering while connections stay open, until `resume`. */
  pause(): void
  resume(): void
  /** Kills it with all its connections; `restart` brings it back with its data on the same port. */
  crash(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Postgres refuses to run as root. */
function unprivileged(program: string, args: readonly string[]): [string, string[]] {
  const path = join(BIN, program)
  return asRoot ? ['/usr/sbin/runuser', ['-u', 'postgres', '--', path, ...args]] : [path, [...args]]
}

/** Starts one on a free port of loopback, with its data in a temporary directory. */
export async function startPostgres(): Promise<TestPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'heimdall-pg-'))
  if (asRoot) chownSync(directory, Number(output('id', ['-u', 'postgres'])), 0)
  const data = join(directory, 'data')
  output(
    ...unprivileged('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8']),
  )
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`]
  const launch = () =>
    start(...unprivileged('postgres', ['-D', data, '-p', String(port), ...settings.flatMap((one) => ['-c', one])]))
  /** runuser stays between us and the server. */
  const postmaster = () => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  let server: ChildProcess = launch()
  const answers = () => eventually('postgres answers', () => canConnect(url), 15_000)
  const crash = async () => {
    const pid = readdirSync(data).includes('postmaster.pid') ? postmaster() : undefined
    const backends = pid === undefined ? [] : childrenOf(pid)
    for (const one of [pid, ...backends]) {
      signal(one, 'SIGKILL')
      signal(one, 'SIGCONT')
    }
    await kill(server)
    await eventually('postgres is gone', () => backends.every((one) => childIsGone(one)))
    rmSync(join(data, 'postmaster.pid'), { force: true })
  }
  await answers()
  return {
    url,
    port,
    pause: () => [postmaster(), ...childrenOf(postmaster())].forEach((pid) => signal(pid, 'SIGSTOP')),
    resume: () => [postmaster(), ...childrenOf(postmaster())].forEach((pid) => signal(pid, 'SIGCONT')),
    crash,
    async restart() {
      server = launch()
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

function childIsGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
