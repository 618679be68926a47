/**
 * Which keys a place in the file may hold: what a misspelt one is compared with.
 *
 * @module
 */
import { jsonSchema, type JsonSchema } from './json-schema.ts'
import type { Path } from './problem.ts'

let whole: JsonSchema | undefined // made when the first key is misspelt, and the same for all

/** Lists the keys that the object at `path` may have, over all its alternatives. */
export function knownKeys(path: Path): string[] {
  whole ??= jsonSchema()
  let places = alternatives(whole)
  for (const step of path) places = places.flatMap((place) => inside(place, step)).flatMap(alternatives)
  return places.flatMap((place) => Object.keys(place.properties ?? {}))
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  const { anyOf = [], oneOf = [], allOf = [] } = schema
  return [schema, ...[...anyOf, ...oneOf, ...allOf].flatMap(alternatives)]
}

function inside(schema: JsonSchema, step: string | number): JsonSchema[] {
  if (typeof step === 'number') return schema.items === undefined ? [] : [schema.items]
  const { properties = {}, additionalProperties } = schema
  const named = Object.hasOwn(properties, step) ? properties[step] : undefined
  if (named !== undefined) return [named]
  return typeof additionalProperties === 'object' ? [additionalProperties] : []
}
