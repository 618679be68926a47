/**
 * Deadlines: no wait for another process is without an end.
 *
 * After a pause of our own (a burst, a garbage collection) timers may run before the sockets are read, and a deadline
 * is past although the answer has long been here. So what has arrived is read once more before anybody is given up:
 * otherwise every call under way would fail at once, and a breaker would open for our own slowness.
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
    let lastLook: NodeJS.Immediate | undefined
    const expire = () => {
      const late = new DeadlineExceeded(`${what} took longer than ${limit} ms`)
      reject(late)
      controller.abort(late)
    }
    const timer = setTimeout(() => (lastLook = setImmediate(expire)), limit)
    void work(controller.signal)
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer)
        clearImmediate(lastLook)
      })
  })
}
