/** What a whole decision costs, from the bytes on the wire to the headers for the service. @module */
import { loadConfig } from '#config/load.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { compileGate, type Gate } from '#gate/compile.ts'
import { decide } from '#gate/decide.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { issuer } from '../issuer.ts'
import { subject, type Question, type Subject } from '../question.ts'
import { fromWire } from '../wire.ts'

const file = () => `
version: 1
upstreams: { app: http://127.0.0.1:1 }
authenticators: { acme: ${JSON.stringify(issuer().authenticator)} }
limits: { per-subject: { allow: 900000000/min, by: subject } }
defaults: { upstream: app, authenticate: [acme], limits: [per-subject] }
routes:
  - { name: open, path: /open/**, public: true }
  - { name: service, path: /services/x/**, methods: [GET, POST], require: { permissions: ["orders:read"] } }
`

const FEW = 100 // routes

/** A gate with some routes of the second kind. */
function gateOf(routes: number): Gate {
  const loaded = loadConfig('/bench.yaml', { env: {}, readFile: file, listFolder: () => [] })
  if (!('config' in loaded)) throw new TypeError(JSON.stringify(loaded.problems))
  const [open, service] = loaded.config.routes
  if (open === undefined || service === undefined) throw new TypeError('two routes')
  const services = Array.from({ length: routes - 1 }, (_, index) => ({
    ...service,
    name: `service-${index}`,
    path: `/services/${index}/**`,
  }))
  const metrics = createMetrics()
  return compileGate(
    { ...loaded.config, routes: [open, ...services] },
    {
      authn: { clock: Date.now, keySets: issuer().keySets, lookups: undefined, metrics, log: silent },
      limits: createLimiters({ metrics }),
      badCredentials: createBadCredentials({ metrics, log: silent }),
    },
  )
}

async function decisions(routes: number, url: string, headers: readonly string[] = []): Promise<Subject> {
  const requests = fromWire({ url, headers })
  const permits = async (gate: Gate) => {
    for (const request of requests(2)) {
      const decision = await decide(gate, request)
      if (decision.kind !== 'permit') throw new TypeError(decision.kind === 'refuse' ? decision.deny.note : 'no permit')
    }
  }
  await permits(gateOf(FEW)) // reads the issuer's keys, before many routes hold the process up for longer than that may take
  const gate = gateOf(routes)
  await permits(gate)
  return subject(requests, (request) => decide(gate, request))
}

const bearer = () => ['Authorization', `Bearer ${issuer().token}`]

export const gate: readonly Question[] = [
  {
    name: 'gate/public',
    asks: 'to decide on a public route',
    prepare: () => decisions(FEW, '/open/items/57?page=2'),
  },
  {
    name: 'gate/jwt',
    asks: 'to decide on a token seen before',
    prepare: () => decisions(FEW, '/services/57/items?page=2', bearer()),
  },
  {
    name: 'gate/jwt-10000',
    asks: 'the same with 10,000 routes',
    prepare: () => decisions(10_000, '/services/57/items?page=2', bearer()),
  },
]
