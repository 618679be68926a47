/**
 * Objects without the keys that have no value.
 *
 * @module
 */

/** `{ a: X | undefined }` as `{ a?: X }`. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** Leaves out keys whose value is undefined: to optional readers an absent key and no other means "not written". */
export function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}
