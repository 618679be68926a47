/**
 * Five thousand clients that go away (F23).
 *
 * @module
 */
import { departures } from './departures.ts'

departures(1250)
