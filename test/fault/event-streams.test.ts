import { eventStreams } from './event-streams.ts'

eventStreams({ streams: 100, gap: 1500, events: 2 })
