/**
 * Entry point: hands the arguments to the command line and leaves with its exit code.
 *
 * @module
 */
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { run } = await import('./cli/run.ts')
process.exitCode = await run(process.argv.slice(2))
