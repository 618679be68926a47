/**
 * Where and with what a run was made.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { commit, machine, today } from '../machine.ts'
import { layout } from './children.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface Circumstances {
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly cores: Readonly<Record<string, string>>
  readonly versions: readonly string[]
}

/** What can be told before and after the run alike. */
export function circumstances(): Circumstances {
  return {
    date: today(),
    commit: commit(),
    machine: machine(),
    cores: layout,
    versions: [
      `Node ${process.versions.node}`,
      `undici ${dependency('node_modules/undici')}`,
      `@fastify/http-proxy ${dependency('bench/proxy/peers/node_modules/@fastify/http-proxy')}`,
      `fastify ${dependency('bench/proxy/peers/node_modules/fastify')}`,
      `http-proxy-3 ${dependency('node_modules/http-proxy-3')}`,
      first('nginx', ['-v'], /nginx\/[\d.]+/).replace('/', ' '),
      first('haproxy', ['-v'], /version [\d.]+/).replace('version', 'HAProxy'),
      first('wrk', ['-v'], /\d+\.\d+\.\d+/).replace(/^/, 'wrk '),
      first('redis-server', ['-v'], /v=[\d.]+/).replace('v=', 'Redis '),
      first('/usr/lib/postgresql/15/bin/postgres', ['-V'], /[\d.]+/).replace(/^/, 'Postgres '),
    ].filter((version) => /\d/.test(version.split(' ').at(-1) ?? '')),
  }
}

function dependency(folder: string): string {
  try {
    return (JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { version: string }).version
  } catch {
    return 'absent'
  }
}

/** What a program says of itself; empty when it does not run. */
function first(program: string, args: readonly string[], pattern: RegExp): string {
  const text = execFileSync('sh', ['-c', '"$0" "$@" 2>&1 || true', program, ...args], { encoding: 'utf8' })
  return text.includes('not found') ? '' : (pattern.exec(text)?.[0] ?? '')
}
