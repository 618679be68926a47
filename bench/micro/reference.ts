/**
 * The reference: work of the same kind as the request path's, against which every question is measured in the same process,
 * so that a slower machine, a neighbour on the core or a slower clock rate makes both slower.
 *
 * Its source is fixed: whoever changes it must renew the whole baseline (`--write`).
 *
 * @module
 */

const names = [
  'accept',
  'authorization',
  'cache-control',
  'content-type',
  'cookie',
  'host',
  'traceparent',
  'user-agent',
]
const lengths = new Map(names.map((name) => [name, name.length]))

/** Cuts a text up, looks its parts up, makes some small objects of them, and puts a new text together: about a microsecond. */
export function reference(material: string): number {
  const found: { readonly name: string; readonly length: number }[] = []
  let from = 0
  while (from < material.length) {
    const end = material.indexOf(';', from)
    const name = material.slice(from, end)
    from = end + 1
    found.push({ name, length: lengths.get(name) ?? 0 })
  }
  let line = '{"fields":"'
  for (const { name, length } of found) line += `${name}:${length},`
  line += '"}'
  return line.charCodeAt(line.length - 3) + line.indexOf('z') // a look at the text, so that its parts are really joined
}

/** Texts of its own for each turn, as a parser makes them. */
export function referenceMaterials(count: number): string[] {
  const bytes = Buffer.from(`${names.join(';')};`)
  return Array.from({ length: count }, () => bytes.toString('latin1'))
}
