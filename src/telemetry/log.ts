/**
 * The log: one JSON line per event on standard output, written by pino without blocking the request path.
 *
 * `msg` is constant, facts are fields. No token, cookie, key, query string or body ever goes into a field.
 *
 * @module
 */

/** What the rest of the code knows of a logger: pino's own shape, fields first. */
export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** Says nothing: for tests and for commands whose output is for people. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
