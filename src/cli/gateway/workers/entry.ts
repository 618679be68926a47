/**
 * Entry point of a worker: the primary starts it with what Node itself was started with.
 *
 * @module
 */
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { runWorker } = await import('./worker.ts')
runWorker()
