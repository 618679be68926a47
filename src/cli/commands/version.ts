/**
 * `heimdall version`.
 *
 * @module
 */
import { readFileSync } from 'node:fs'

import type { Command } from '../command.ts'

/** Version of the package that this code belongs to. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

export const version: Command = {
  name: 'version',
  summary: 'Prints the versions of Heimdall and of the Node that runs it.',
  usage: '',
  options: {},
  describe: {},
  examples: ['npm run -s heimdall -- version'],
  run: (_call, io) => {
    io.out(`heimdall ${packageVersion()} (node ${process.versions.node})`)
    return Promise.resolve(0)
  },
}
