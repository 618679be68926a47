/**
 * Bodies of a gibibyte (F21).
 *
 * @module
 */
import { largeBodies } from './bodies.ts'

largeBodies({ size: 1024, stalls: 8 })
