/**
 * Uncaught errors: defects that no request owns.
 *
 * What they left behind is unknown, so the process says what it was, once, and ends: its supervisor starts a sound one.
 *
 * @module
 */
import type { ProcessLogger } from '#telemetry/log.ts'

/** EX_SOFTWARE of sysexits(3): tells a defect from a file that could not be served. */
export const DEFECT = 70

/** Ends the process at the first uncaught error or unhandled rejection, with one log line and exit code {@link DEFECT}. */
export function endOnDefect(log: Pick<ProcessLogger, 'error'>): { stop(): void } {
  const end = (err: unknown, origin: string) => {
    log.error({ err, origin }, 'uncaught error: the process ends')
    process.exit(DEFECT) // the log writes what it holds on the way out
  }
  process.on('uncaughtException', end) // unhandled rejections come here too, with that origin
  return { stop: () => void process.off('uncaughtException', end) }
}
