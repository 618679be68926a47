/**
 * A database of the directory, whichever it is.
 *
 * @module
 */
import type { Kysely } from 'kysely'

import type { Tables } from './schema.ts'

export interface SqlStore {
  readonly kind: 'postgres' | 'embedded'
  readonly db: Kysely<Tables>
  /** Ends every connection; the store cannot be used afterwards. */
  close(): Promise<void>
}
