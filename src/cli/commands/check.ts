/**
 * `heimdall check`.
 *
 * @module
 */
import type { Command } from '../command.ts'
import { configHelp, configOption, configPath, readConfig } from '../config-file.ts'

export const check: Command = {
  name: 'check',
  summary: 'Checks the file and prints every problem with its place, reason and a suggestion.',
  usage: '[--config FILE]',
  about: 'Exit code 0 when `serve` would start with the file, 1 when it would not.',
  options: configOption,
  describe: configHelp,
  examples: ['npm run -s heimdall -- check', 'npm run -s heimdall -- check --config config/sidecar-oidc.yaml'],
  run: (call, io) => {
    const loaded = readConfig(call, io)
    if (loaded !== undefined) {
      const { length } = loaded.config.routes
      io.out(`${configPath(call)}: good, ${length} ${length === 1 ? 'route' : 'routes'}`)
    }
    return Promise.resolve(loaded === undefined ? 1 : 0)
  },
}
