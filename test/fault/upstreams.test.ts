import { upstreamsAway } from './away.ts'
import { halfOpenUpstreams } from './half-open.ts'
import { upstreamResets } from './resets.ts'

upstreamsAway(10)
upstreamResets({ failures: 10, races: 200 })
halfOpenUpstreams(1)
