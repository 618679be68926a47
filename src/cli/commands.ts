/**
 * Every command, in the order of the overview.
 *
 * @module
 */
import type { Command } from './command.ts'
import { check } from './commands/check.ts'
import { dev } from './commands/dev.ts'
import { health } from './commands/health.ts'
import { key } from './commands/key.ts'
import { migrate } from './commands/migrate.ts'
import { probe } from './commands/probe.ts'
import { routes } from './commands/routes.ts'
import { schema } from './commands/schema.ts'
import { serve } from './commands/serve.ts'
import { token } from './commands/token.ts'
import { version } from './commands/version.ts'

export const commands: readonly Command[] = [
  dev,
  token,
  serve,
  check,
  routes,
  schema,
  migrate,
  key,
  health,
  probe,
  version,
]
