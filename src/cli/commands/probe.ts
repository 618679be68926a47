/**
 * `heimdall probe`.
 *
 * @module
 */
import { cases } from '#probe/cases.ts'
import { locate } from '#probe/place.ts'
import { ControlFailed, probe as fire, type Target } from '#probe/probe.ts'
import { asJson, table, totals } from '#probe/report.ts'
import { errorText } from '#telemetry/error-text.ts'

import { text, type Call, type Command, type Io } from '../command.ts'

const USAGE = 2
const PACE = { pause: 10, patience: 3000, retry: 15_000 }
const BELIEVED = 'X-Heimdall-Subject,X-Heimdall-Roles,X-Heimdall-Email'

export const probe: Command = {
  name: 'probe',
  summary: 'Fires published attacks at a deployment of yours and shows what it let pass.',
  usage: 'URL [--token TOKEN] [--protected PATH] [--echo PATH]',
  operands: 1,
  about: [
    'Spoofed headers, confused paths, broken framing and forged tokens, each as it was published against some gateway.',
    'URL is a page that answers anybody with 2xx. The requests are reads, and POST of five bytes to that page, one at a',
    'time and a hundred a second at most; nothing is meant to change anything, but where there is a hole, answers on',
    'connections that others share may be mixed up for a moment.',
    'What cannot be judged from outside is listed as not judged, never as held.',
    'Exit code: 0 when nothing fell, 1 when something did, 2 when called wrongly or when the controls do not answer.',
  ].join('\n'),
  options: {
    public: { type: 'string' },
    protected: { type: 'string' },
    echo: { type: 'string' },
    token: { type: 'string' },
    identity: { type: 'string' },
    json: { type: 'boolean' },
    'i-own-this': { type: 'boolean' },
  },
  describe: {
    public: 'path that answers anybody; the path of URL unless told otherwise',
    protected: 'path that refuses who brings no token: for paths and tokens',
    echo: 'path whose answer shows the headers that the service received: for spoofed headers',
    token: 'a good bearer token, or HEIMDALL_PROBE_TOKEN in the environment; it is never printed',
    identity: `names of the headers that the service believes; ${BELIEVED} unless told otherwise`,
    json: 'prints the results as JSON',
    'i-own-this': 'says that you may attack this host; needed for every host but this machine',
  },
  examples: [
    'npm run -s heimdall -- probe http://127.0.0.1:8080/public/hello --echo /public/hello --protected /me',
    'npm run -s heimdall -- probe http://127.0.0.1:8080/public/hello --echo /me --protected /me --token "$(npm run -s heimdall -- token alice)"',
    'NODE_EXTRA_CA_CERTS=ca.pem npm run -s heimdall -- probe https://staging.acme.test/healthz --protected /api --i-own-this',
  ],
  async run(call, io) {
    const target = await targetOf(call, io)
    if (typeof target === 'string') {
      io.err(`heimdall probe: ${target}`)
      return USAGE
    }
    try {
      const results = await fire(cases, target, PACE)
      if (call.values['json'] === true) io.out(JSON.stringify(asJson(results), null, 2))
      else for (const line of table(results)) io.out(line)
      return totals(results).fell === 0 ? 0 : 1
    } catch (error) {
      io.err(`heimdall probe: ${error instanceof ControlFailed ? error.message : errorText(error)}`)
      return USAGE
    }
  },
}

async function targetOf(call: Call, io: Io): Promise<Target | string> {
  const [address = ''] = call.positionals
  const url = URL.parse(address)
  if (url === null || !/^https?:$/.test(url.protocol))
    return 'name the http:// or https:// URL of a page that answers anybody'
  if (url.username !== '' || url.password !== '') return 'the URL must not hold a user or a password'
  const paths = {
    open: text(call, 'public') ?? url.pathname,
    closed: text(call, 'protected'),
    echo: text(call, 'echo'),
  }
  for (const path of Object.values(paths))
    if (path !== undefined && !/^\/[!-~]*$/.test(path)) return `a path begins with a slash and has no blanks: ${path}`
  const token = text(call, 'token') ?? io.env['HEIMDALL_PROBE_TOKEN'] ?? ''
  if (!/^[!-~]*$/.test(token)) return 'the token has blanks in it'
  const believed = (text(call, 'identity') ?? BELIEVED).split(',').map((name) => name.trim())
  if (!believed.every((name) => /^[\w-]+$/.test(name))) return '--identity takes names of headers, with commas between'
  const place = await locate(url, call.values['i-own-this'] === true)
  return typeof place === 'string' ? place : { place, host: url.host, ...paths, token, believed }
}
