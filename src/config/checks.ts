/**
 * Everything that is checked beyond the schema, in one list.
 *
 * @module
 */
import type { Check } from './check.ts'
import { access } from './checks/access.ts'
import { authenticators } from './checks/authenticators.ts'
import { files } from './checks/files.ts'
import { limits } from './checks/limits.ts'
import { listeners } from './checks/listeners.ts'
import { paths } from './checks/paths.ts'
import { processes } from './checks/processes.ts'
import { references } from './checks/references.ts'

export const checks: readonly Check[] = [listeners, files, authenticators, references, access, paths, limits, processes]
