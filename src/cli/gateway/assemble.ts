/**
 * Putting together what runs, so that nothing of it is left behind.
 *
 * @module
 */

/**
 * Builds something of parts that must be ended; what was started before a failure is ended again, in reverse.
 *
 * @throws what `build` has thrown
 */
export async function assemble<T>(build: (parts: AsyncDisposableStack) => Promise<T>): Promise<T> {
  const parts = new AsyncDisposableStack()
  try {
    return await build(parts)
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}
