/**
 * SIGTERM at full load (F16).
 *
 * @module
 */
import { drainAtFullLoad } from './drain.ts'

drainAtFullLoad({ clients: 100, slow: 100, sockets: 50 })
