/**
 * Deadlines: no wait for another process is without an end.
 *
 * @module
 */

/** What a wait ends with when its time is up. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded'
}

/**
 * Starts work and waits for it no longer than told.
 * The work learns of the end by its signal; a caller is let go whether or not the work listens.
 *
 * @param what named in the error
 * @throws DeadlineExceeded after `limit` milliseconds
 */
export function withDeadline<T>(what: string, limit: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      const late = new DeadlineExceeded(`${what} took longer than ${limit} ms`)
      reject(late)
      controller.abort(late)
    }, limit)
    void work(controller.signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
