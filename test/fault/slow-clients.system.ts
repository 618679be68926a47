/**
 * Clients that are slow on purpose (F20, C9), by the thousand.
 *
 * @module
 */
import { drips, slowhttptest } from './slow-clients.ts'

drips(500)
slowhttptest({ connections: 1000, lasts: 30 })
