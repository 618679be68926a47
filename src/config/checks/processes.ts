/**
 * Processes: what only one of them can have open.
 *
 * @module
 */
import type { Check } from '../check.ts'

/** Finds an embedded database that several workers would want. */
export const processes: Check = ({ file: { workers, stores } }) =>
  workers !== 1 && stores.postgres?.startsWith('embedded:') === true
    ? [{ path: ['workers'], message: 'must be 1 with an embedded database, which one process alone can open' }]
    : []
