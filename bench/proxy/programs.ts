/**
 * What a run needs besides Node, and where it comes from: Debian when we may install, npm by locked checksums.
 *
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { otherNode } from '../../test/system/runtime.ts'

/** Packages of Debian by what they bring; each in a place of `PATH` or the one that is told. */
const packages = {
  nginx: { package: 'nginx' },
  haproxy: { package: 'haproxy' },
  wrk: { package: 'wrk' },
  redis: { package: 'redis-server', program: 'redis-server' },
  postgres: { package: 'postgresql', program: '/usr/lib/postgresql/15/bin/postgres' },
} as const satisfies Record<string, { package: string; program?: string }>

type Packaged = keyof typeof packages

/** `npm` are the peers of `peers/package.json`. */
export type Program = Packaged | 'npm' | 'node-26'

const PEERS = join(import.meta.dirname, 'peers')
const isPackaged = (program: Program): program is Packaged => Object.hasOwn(packages, program)

function isThere(name: Packaged): boolean {
  const entry: { package: string; program?: string } = packages[name]
  const program = entry.program ?? name
  if (program.startsWith('/')) return existsSync(program)
  return `${process.env['PATH'] ?? ''}:/usr/sbin`.split(':').some((folder) => existsSync(join(folder, program)))
}

/** Installs what is missing. @returns why something cannot be had, by its name */
export function install(wanted: readonly Program[], say: (text: string) => void): ReadonlyMap<Program, string> {
  const lacking = wanted.filter(isPackaged).filter((name) => !isThere(name))
  const names = lacking.map((name) => packages[name].package).join(' ')
  if (lacking.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say(`installing ${names} (apt-get)`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' } // no service is started
    spawnSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 'ignore', 'inherit'], env })
    const args = ['install', '-y', '-qq', '--no-install-recommends', ...names.split(' ')]
    spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env })
  }
  const missing = new Map<Program, string>()
  for (const name of lacking.filter((one) => !isThere(one)))
    missing.set(name, `not installed: apt-get install ${packages[name].package}`)
  if (wanted.includes('npm') && !installPeers(say)) missing.set('npm', '`npm ci` in bench/proxy/peers failed')
  if (wanted.includes('node-26') && otherNode() === undefined) missing.set('node-26', 'it cannot be had here')
  return missing
}

function installPeers(say: (text: string) => void): boolean {
  if (existsSync(join(PEERS, 'node_modules/@fastify/http-proxy'))) return true
  say('installing the peers of bench/proxy/peers (npm ci)')
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: PEERS, stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}
