export type KeySets = object
