/**
 * Makes a thing once for each object, for as long as the object lives.
 *
 * @module
 */

/** Remembers what `make` made of each key, without keeping the key alive. */
export function oncePer<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>()
  return (key) => {
    const before = made.get(key)
    if (before !== undefined) return before
    const value = make(key)
    made.set(key, value)
    return value
  }
}
