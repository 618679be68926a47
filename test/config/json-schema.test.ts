import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'

import { jsonSchema, jsonSchemaText, type JsonSchema } from '#config/json-schema.ts'

const root = join(import.meta.dirname, '../..')
const file = join(root, 'config/heimdall.schema.json')
const examples = globSync('config/*.yaml', { cwd: root })

/** Paths of options that have no description. */
function undescribed(schema: JsonSchema, path = ''): string[] {
  const { properties = {}, additionalProperties, items, anyOf = [], oneOf = [], allOf = [] } = schema
  const own = Object.entries(properties)
    .filter(([, option]) => option.description === undefined && !('not' in option))
    .map(([key]) => `${path}.${key}`)
  const inner = [
    ...Object.entries(properties).map(([key, option]) => ({ option, at: `${path}.${key}` })),
    ...[...anyOf, ...oneOf, ...allOf].map((option) => ({ option, at: path })),
    ...(typeof additionalProperties === 'object' ? [{ option: additionalProperties, at: `${path}.*` }] : []),
    ...(items === undefined ? [] : [{ option: items, at: `${path}[]` }]),
  ]
  return [...own, ...inner.flatMap(({ option, at }) => undescribed(option, at))]
}

suite('JSON Schema', () => {
  test('config/heimdall.schema.json is what the schema of the file generates', () => {
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, jsonSchemaText())
    assert.equal(readFileSync(file, 'utf8'), jsonSchemaText(), 'run with UPDATE_GOLDEN=1')
  })

  test('describes every option', () => {
    assert.deepEqual(undescribed(jsonSchema()), [])
  })

  test('offers no key that would only be refused', () => {
    assert.ok(!jsonSchemaText().includes('"not"'), 'a key with `not`')
  })

  test('finds nothing wrong with the files that come along, placeholders included', () => {
    const schema = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0])
    for (const example of ['heimdall.yaml', ...examples]) {
      const written: unknown = parse(readFileSync(join(root, example), 'utf8'))
      assert.deepEqual(schema.safeParse(written).error?.issues, undefined, example)
    }
  })

  test('gives defaults as people write them', () => {
    assert.equal(jsonSchema().properties?.['grace']?.['default'], '25s')
  })
})
