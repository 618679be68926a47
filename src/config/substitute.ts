/**
 * `${VAR}`, `${VAR:-default}` and `${file:/path}` in one scalar.
 *
 * This happens after YAML is parsed, so no value can add keys or lines to the file,
 * and once, so a value that holds `${` stays as it is. `$${` writes a literal `${`.
 *
 * @module
 */
import { fromFolder, readFailure, type World } from './files.ts'

const LARGEST_SECRET = 64 * 1024
const placeholder = /\$\$\{|\$\{([^}]*)(\}?)/g
const variable = /^([A-Za-z_]\w*)(?::-(.*))?$/s

type Put = { readonly text: string } | { readonly flaw: string }

/** What placeholders are replaced from. */
export interface Values {
  readonly world: World
  /** Folder that relative paths start at. */
  readonly folder: string
}

/** Replaces every placeholder of a text, or says what is wrong with the first bad one. */
export function substitute(text: string, values: Values): Put {
  let flaw: string | undefined
  const replaced = text.replaceAll(placeholder, (match: string, inner: string | undefined, end: string) => {
    if (inner === undefined) return '${'
    const put: Put = end === '' ? { flaw: 'has a `${` without its `}`' } : valueOf(inner, values)
    if ('text' in put) return put.text
    flaw ??= put.flaw
    return match
  })
  return flaw === undefined ? { text: replaced } : { flaw }
}

function valueOf(inner: string, values: Values): Put {
  if (inner.startsWith('file:')) return fileValue(inner.slice('file:'.length), values)
  const [, name, fallback] = variable.exec(inner) ?? []
  if (name === undefined) return { flaw: 'has a placeholder that is neither ${VAR}, ${VAR:-default} nor ${file:PATH}' }
  const value = values.world.env[name]
  if (value !== undefined && (value !== '' || fallback === undefined)) return { text: value }
  return fallback === undefined
    ? { flaw: `needs the environment variable ${name}, which is not set` }
    : { text: fallback }
}

function fileValue(written: string, { world, folder }: Values): Put {
  const path = fromFolder(folder, written)
  try {
    const text = world.readFile(path)
    if (text.length > LARGEST_SECRET) return { flaw: 'names a file that is larger than 64 KiB' }
    return { text: text.replace(/(?:\r?\n)+$/, '') }
  } catch (error) {
    return { flaw: `names a file that cannot be used: ${readFailure(error)}` }
  }
}
