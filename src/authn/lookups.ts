export type Lookups = object
