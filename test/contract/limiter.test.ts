/**
 * The limits of a process alone keep the contract of counters.
 *
 * @module
 */
import { createMemoryStore } from '#ratelimit/memory.ts'

import { counterContract } from './counter.ts'

counterContract('memory', () => {
  const store = createMemoryStore({ now: () => performance.now(), most: 1000 })
  return { counter: (id, quota) => store.counter(id, quota), close: () => Promise.resolve() }
})
