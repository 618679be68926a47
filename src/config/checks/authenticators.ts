/**
 * Authenticators: what they need is there, and none takes another's place.
 *
 * @module
 */
import { managedNames } from '#identity/managed.ts'
import { collapse, hopByHop } from '#request/fields.ts'
import { OWN_ISSUER } from '#request/principal.ts'

import type { Check, Draft } from '../check.ts'
import type { Finding, Path } from '../problem.ts'

/** Finds authenticators that cannot work, and pairs that cannot work together. */
export const authenticators: Check = (draft) => [
  ...withoutStore(draft),
  ...forgedIssuers(draft),
  ...keyHeaders(draft),
  ...fileKeys(draft),
  ...hiddenIssuers(draft),
]

function each(draft: Draft) {
  return Object.entries(draft.file.authenticators).map(([name, kinds]) => ({
    path: ['authenticators', name] satisfies Path,
    ...kinds,
  }))
}

function withoutStore(draft: Draft): Finding[] {
  if (draft.file.stores.postgres !== undefined) return []
  const tail = 'needs stores.postgres, which is not set'
  return each(draft).flatMap(({ path, jwt, session, api_key }): Finding[] => {
    if (session !== undefined) return [{ path: [...path, 'session'], message: tail, key: true }]
    if (api_key !== undefined && api_key.keys.length === 0)
      return [{ path: [...path, 'api_key'], message: `${tail}, or a list of \`keys\``, key: true }]
    if (jwt === undefined || jwt.grants === 'claims') return []
    return [{ path: [...path, 'jwt', 'grants'], message: tail }]
  })
}

/** Identity is (issuer, subject): a token that may call its issuer `heimdall` could be anybody in the directory. */
function forgedIssuers(draft: Draft): Finding[] {
  return each(draft)
    .filter(({ jwt }) => jwt?.issuer === OWN_ISSUER)
    .map(({ path }) => ({
      path: [...path, 'jwt', 'issuer'],
      message: `must not be \`${OWN_ISSUER}\`: that issuer stands for our own directory`,
    }))
}

const taken: ReadonlySet<string> = new Set(
  [...hopByHop, 'host', 'cookie', 'authorization', 'content-length', 'content-type'].map(collapse),
)

function keyHeaders(draft: Draft): Finding[] {
  const isManaged = managedNames([draft.file.identity.headers])
  return each(draft).flatMap(({ path, api_key }): Finding[] => {
    if (api_key === undefined) return []
    const collapsed = collapse(api_key.header)
    const place = [...path, 'api_key', 'header']
    if (isManaged(collapsed)) return [{ path: place, message: 'is a header that carries identity or forwarding facts' }]
    return taken.has(collapsed) ? [{ path: place, message: 'is a header with a meaning of its own' }] : []
  })
}

function fileKeys(draft: Draft): Finding[] {
  return each(draft).flatMap(({ path, api_key }) =>
    (['id', 'digest'] as const).flatMap((field) =>
      repeated((api_key?.keys ?? []).map((key) => key[field])).map((index) => ({
        path: [...path, 'api_key', 'keys', index, field],
        message: `is the ${field} of an earlier key already`,
      })),
    ),
  )
}

/** Positions of values that stood before. */
function repeated(values: readonly string[]): number[] {
  return [...values.keys()].filter((index) => values.indexOf(values[index] ?? '') < index)
}

/** The first authenticator that recognises a token decides, so a second one of that issuer would never be asked. */
function hiddenIssuers({ file, routes }: Draft): Finding[] {
  return routes.flatMap(({ path, written, merged }) => {
    const issuers = merged.authenticate.map((name) =>
      Object.hasOwn(file.authenticators, name) ? (file.authenticators[name]?.jwt?.issuer ?? `\0${name}`) : `\0${name}`,
    )
    return repeated(issuers).map((index) => ({
      path: written.authenticate === undefined ? path : [...path, 'authenticate', index],
      message: 'would never be asked: an authenticator before it takes every credential of this kind and issuer',
    }))
  })
}
