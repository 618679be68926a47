/**
 * `heimdall health`.
 *
 * @module
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text as bodyOf } from 'node:stream/consumers'

import { request } from '#http/node-http.ts'
import { errorText } from '#telemetry/error-text.ts'

import { text, type Command, type Io } from '../command.ts'

const PATIENCE = 2000 // milliseconds

export const health: Command = {
  name: 'health',
  summary: 'Asks a running gateway whether it is ready; for HEALTHCHECK.',
  usage: '[--url URL]',
  about: 'Exit code 0 when it is, 1 when it is not or does not answer within two seconds.',
  options: { url: { type: 'string' } },
  describe: { url: 'the probe; /readyz on 127.0.0.1, port of HEIMDALL_PROBES or 9091, unless told otherwise' },
  examples: ['npm run -s heimdall -- health', 'npm run -s heimdall -- health --url http://127.0.0.1:9091/livez'],
  async run(call, io) {
    try {
      const url = text(call, 'url') ?? `http://127.0.0.1:${probesPort(io)}/readyz`
      const asked = request(url, { signal: AbortSignal.timeout(PATIENCE) }).end()
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      io.out((await bodyOf(answer)).trimEnd())
      return answer.statusCode === 200 ? 0 : 1
    } catch (error) {
      io.err(`heimdall health: ${errorText(error)}`)
      return 1
    }
  },
}

/** Where the variable says that a gateway beside us has its probes: a health check in a container has no file to read. */
function probesPort({ env }: Io): string {
  return /(?:^|:)(\d+)$/.exec(env['HEIMDALL_PROBES'] ?? '')?.[1] ?? '9091'
}
