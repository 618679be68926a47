/**
 * The other Node: a newer major, on which the corpus of attacks must end the same way.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, 'runtimes')
const binary = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin/node')

/**
 * Path of its binary, fetched from the registry by its locked checksum when it is not there.
 *
 * @returns undefined when it cannot be had: another platform, no network
 */
export function otherNode(): string | undefined {
  if (existsSync(binary)) return binary
  const args = ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  spawnSync('npm', args, { stdio: 'inherit' })
  return existsSync(binary) ? binary : undefined
}
