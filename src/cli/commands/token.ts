/**
 * `heimdall token`.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import type { Command } from '../command.ts'
import { DEV_DIRECTORY, mintToken } from '../dev/issuer.ts'
import { findPerson, people } from '../dev/people.ts'

export const token: Command = {
  name: 'token',
  summary: 'Prints a fresh access token of a demo person, good for 15 minutes.',
  usage: 'NAME',
  operands: 1,
  about: `People: ${people.map((person) => `${person.id} (role ${person.role})`).join(', ')}. Works beside a running \`heimdall dev\`.`,
  options: {},
  describe: {},
  examples: [
    'npm run -s heimdall -- token alice',
    'curl -H "Authorization: Bearer $(npm run -s heimdall -- token alice)" http://127.0.0.1:8080/me',
  ],
  async run(call, io) {
    const person = findPerson(call.positionals[0] ?? '')
    if (person === undefined) {
      io.err(`heimdall token: name one of ${people.map(({ id }) => id).join(', ')}`)
      return 2
    }
    const issuer = join(DEV_DIRECTORY, 'issuer')
    if (!existsSync(join(issuer, 'key.json'))) {
      io.err('heimdall token: there is no demo issuer here yet; start `npm start` once')
      return 1
    }
    io.out(await mintToken(issuer, person, Math.floor(io.clock() / 1000)))
    return 0
  },
}
