/**
 * Upstreams that fail (F9 to F13), in full sizes.
 *
 * @module
 */
import { upstreamsAway } from './away.ts'
import { halfOpenUpstreams } from './half-open.ts'
import { namesOfUpstreams } from './names.ts'
import { upstreamResets } from './resets.ts'

upstreamsAway(50)
upstreamResets({ failures: 200, races: 5000 })
halfOpenUpstreams(5)
namesOfUpstreams()
