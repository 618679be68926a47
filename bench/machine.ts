/**
 * Where and with what figures were taken, as every report tells.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** `2026-11-20` */
export function today(): string {
  return new Date().toISOString().slice(0, 10)
}

/** The commit that is measured; says so when sources differ from it. */
export function commit(): string {
  const changed = git('status', '--porcelain', '--', 'src', 'bench/*.ts') === '' ? '' : ' with changes'
  return git('rev-parse', '--short', 'HEAD') + changed
}

/** `2 cores AMD EPYC, 24 GiB, Linux 6.18` */
export function machine(): string {
  const all = cpus()
  return `${all.length} cores ${all[0]?.model ?? ''}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`
}

/** What git prints; `unknown` outside a checkout. */
function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}
