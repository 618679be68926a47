/**
 * Logs that nobody takes (F25).
 *
 * @module
 */
import { logsThatNobodyTakes } from './log.ts'

logsThatNobodyTakes(4000)
