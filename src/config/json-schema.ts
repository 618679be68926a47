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
  return z.toJSONSchema(fileSchema, { io: 'input', target: 'draft-2020-12', reused: 'inline' }) as JsonSchema
}
