export type Found<T> =
  | {
      readonly kind: 'found'
      readonly value: T
      readonly layer: 'l1' | 'l2' | 'source'
      readonly age: number
      readonly stale: boolean
    }
  | { readonly kind: 'absent'; readonly layer: 'l1' | 'source'; readonly age: number }
  | { readonly kind: 'unavailable' }
