/**
 * Counts by route: one bucket for everybody, or one per route in a tuple such as `[subject, route]`.
 *
 * @module
 */
import type { LimitKey } from '../key.ts'

export const route: LimitKey = {
  name: 'route',
  needs: 'route',
  accepts: (word) => word === 'route',
  create: () => (request) => request.route,
}
