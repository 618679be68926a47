/**
 * `heimdall migrate`.
 *
 * @module
 */
import { migrate as bringUpToDate } from '#stores/migrations.ts'

import type { Command } from '../command.ts'
import { configHelp, configOption } from '../config-file.ts'
import { withDatabase } from '../database.ts'

export const migrate: Command = {
  name: 'migrate',
  summary: "Brings the tables of the file's Postgres up to date.",
  usage: '[--config FILE]',
  about:
    'Does nothing where they are. Needs a role that may create tables; the gateway itself only needs `heimdall_gateway`.',
  options: configOption,
  describe: configHelp,
  examples: [
    'npm run -s heimdall -- migrate --config /etc/heimdall/heimdall.yaml',
    'HEIMDALL_POSTGRES_URL=postgres://owner@127.0.0.1/heimdall npm run -s heimdall -- migrate',
  ],
  run: (call, io) =>
    withDatabase(call, io, async (db) => {
      const { applied, before } = await bringUpToDate(db)
      for (const name of applied) io.out(`applied ${name}`)
      io.out(
        applied.length === 0 ? `up to date (${before} in force)` : `up to date (${before + applied.length} in force)`,
      )
      return 0
    }),
}
