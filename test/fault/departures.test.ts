import { departures } from './departures.ts'

departures(100)
