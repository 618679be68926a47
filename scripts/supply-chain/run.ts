/**
 * `npm run supply-chain`: reviews what we are made of, and writes it down for others (SBOM).
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { floors } from './floors.ts'
import { lockSchema, review, type Part, type Review } from './review.ts'

const HELP = `usage: npm run supply-chain -- [--sbom FILE]

Checks the lock: licences, checksums, origin, install scripts, and the least versions that answer published advisories.

  --sbom FILE   writes what the image is made of as CycloneDX JSON

examples:
  npm run supply-chain
  npm run supply-chain -- --sbom heimdall.cdx.json
`

const root = resolve(import.meta.dirname, '../..')
const { values } = parseArgs({ options: { sbom: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(root, file), 'utf8'))
}

function leastNode(): string {
  const { engines } = read('package.json') as { engines: { node: string } }
  return `${engines.node.replace('>=', '')}.0`
}

function print({ parts, problems }: Review): void {
  const widest = Math.max(...parts.map(({ name }) => name.length))
  for (const use of ['image', 'optional', 'development'] as const) {
    const those = parts.filter((part) => part.use === use)
    console.log(`\n${use}: ${those.length} packages, ${count(those)}`)
    for (const { name, version, licence } of those)
      console.log(`  ${name.padEnd(widest)}  ${version.padEnd(12)}  ${licence}`)
  }
  console.log('\nleast versions, and what they answer')
  for (const { name, version, advisory, flaw } of floors)
    console.log(`  ${name.padEnd(17)}>= ${version.padEnd(9)} ${advisory}: ${flaw}`)
  console.log(problems.length === 0 ? '\nall is well' : `\n${problems.join('\n')}`)
}

function count(parts: readonly Part[]): string {
  const kinds = Object.entries(Object.groupBy(parts, ({ licence }) => licence))
  return kinds.map(([licence, of = []]) => `${of.length} ${licence}`).join(', ')
}

/** npm knows the lock best; its document tells what the image holds, not what development needs. */
function writeSbom(path: string): boolean {
  const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only', '--omit=dev', '--omit=optional']
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) {
    console.error(`npm cannot make the document (npm 10 or later is needed):\n${stderr}`)
    return false
  }
  writeFileSync(path, stdout)
  console.log(`\n${path}: CycloneDX, ${(JSON.parse(stdout) as { components: unknown[] }).components.length} components`)
  return true
}

if (values.help === true) console.log(HELP)
else {
  const reviewed = review(lockSchema.parse(read('package-lock.json')), leastNode())
  print(reviewed)
  const written = values.sbom === undefined || writeSbom(values.sbom)
  process.exitCode = reviewed.problems.length === 0 && written ? 0 : 1
}
