/**
 * JSON Schema of the file, for editors: completion, hover texts and red underlines.
 *
 * `config/heimdall.schema.json` is this function's output; a test holds the two together.
 *
 * @module
 */
import { z } from 'zod'

import { fileSchema } from './schema.ts'

/** What is used of a JSON Schema here. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly description?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
}

/** Generates the schema of the file as people write it, defaults included. */
export function jsonSchema(): JsonSchema {
  return forEditors(z.toJSONSchema(fileSchema, { io: 'input', reused: 'inline' })) as JsonSchema
}

/** The schema as a file. */
export function jsonSchemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`
}

/** Lets placeholders stand for texts. */
function forEditors(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema
  if (Array.isArray(schema)) return schema.map(forEditors)
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'pattern' && typeof value === 'string' ? `${value}|\\$\\{` : forEditors(value),
    ]),
  )
}
