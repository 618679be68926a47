/**
 * Claims: reading one value out of a verified claim set by the path the file gives.
 *
 * A key may hold dots itself (`https://acme.test/roles`), so at every level the longest own key wins.
 * Only own properties of plain objects are followed: `constructor` or `__proto__` in a path finds nothing.
 *
 * @module
 */

export type ClaimSet = Readonly<Record<string, unknown>>

const none: ClaimSet = Object.freeze({})

/** Makes the function that keeps of a claim set only the members that any of the paths may lead through. */
export function claimsOn(paths: readonly string[]): (claims: ClaimSet) => ClaimSet {
  if (paths.length === 0) return () => none
  const leads = (member: string) => paths.some((path) => path === member || path.startsWith(`${member}.`))
  return (claims) => {
    const members = Object.keys(claims).filter(leads)
    return members.length === 0 ? none : Object.fromEntries(members.map((member) => [member, claims[member]]))
  }
}

/** Reads `realm_access.roles` and the like; undefined where the path leads nowhere. */
export function readClaim(claims: ClaimSet, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const key = path.slice(0, dot)
    if (!Object.hasOwn(claims, key)) continue
    const inner = claims[key]
    return isClaimSet(inner) ? readClaim(inner, path.slice(dot + 1)) : undefined
  }
  return undefined
}

function isClaimSet(value: unknown): value is ClaimSet {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
