/**
 * Holds the one import rule: a folder of src/ imports only from folders in rows above its own.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { suite, test } from 'node:test'

const rows = [
  ['values'],
  ['request'],
  ['telemetry'],
  ['cache', 'resilience'],
  ['directory', 'flags', 'stores'],
  ['eventstore'],
  ['projections'],
  ['routing', 'authn', 'authz', 'ratelimit', 'identity'],
  ['config'],
  ['gate'],
  ['http', 'upstream'],
  ['proxy', 'doors', 'control', 'probe'],
  ['cli'],
]
const rank = new Map(rows.flatMap((row, index) => row.map((folder) => [folder, index] as const)))
const src = resolve(import.meta.dirname, '../src')
const importPattern = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

interface Arrow {
  readonly file: string
  readonly from: string
  readonly to: string
  readonly specifier: string
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
}

function arrowsOf(file: string): Arrow[] {
  const text = readFileSync(join(src, file), 'utf8')
  const from = file.split('/')[0] ?? file
  return [...text.matchAll(importPattern)].flatMap((match) => {
    const specifier = match[1] ?? match[2] ?? ''
    if (specifier.startsWith('#')) return [{ file, from, to: specifier.slice(1).split('/')[0] ?? '', specifier }]
    if (!specifier.startsWith('.')) return []
    const target = relative(src, resolve(src, dirname(file), specifier))
    return [{ file, from, to: target.split('/')[0] ?? '', specifier }]
  })
}

suite('import rows', () => {
  const files = sourceFiles()
  const arrows = files.flatMap(arrowsOf)

  test('every folder of src/ stands in a row', () => {
    const unknown = files.filter((file) => file !== 'main.ts' && !rank.has(file.split('/')[0] ?? ''))
    assert.deepEqual(unknown, [])
  })

  test('a folder imports only from rows above its own', () => {
    const wrong = arrows.filter(
      ({ from, to }) => from !== to && from !== 'main.ts' && !((rank.get(to) ?? Infinity) < (rank.get(from) ?? -1)),
    )
    assert.deepEqual(
      wrong.map(({ file, specifier }) => `${file} imports ${specifier}`),
      [],
    )
  })

  test('relative imports stay inside their folder and # imports leave it', () => {
    const wrong = arrows.filter(
      ({ from, to, specifier }) => from !== 'main.ts' && specifier.startsWith('#') === (from === to),
    )
    assert.deepEqual(
      wrong.map(({ file, specifier }) => `${file} imports ${specifier}`),
      [],
    )
  })

  test('main.ts only hands over to cli/', () => {
    const wrong = arrows.filter(({ from, to }) => from === 'main.ts' && to !== 'cli')
    assert.deepEqual(wrong, [])
  })
})
