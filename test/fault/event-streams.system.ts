/**
 * A thousand event streams (F22).
 *
 * @module
 */
import { eventStreams } from './event-streams.ts'

eventStreams({ streams: 1000, gap: 4000, events: 5 })
