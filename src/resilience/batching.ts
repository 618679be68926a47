/**
 * Batching: questions that come one by one are put many at a time.
 *
 * A question goes at once when a call is free; those that come while all calls are under way wait in a queue and travel
 * together in the next. So the work that a crowd makes for the other side does not grow with the crowd, and nobody waits
 * elsewhere: a queue of a driver's own would be neither fair nor able to tell a pause of ours from a failure of the other side.
 *
 * @module
 */
import { CallRefused } from './breaker.ts'
import { withDeadline } from './deadline.ts'
import { createFairQueue, type Places, type Waiting } from './fair-queue.ts'

export interface BatchingOptions<Q, T> {
  /** Named in errors. */
  readonly name: string
  /** Puts questions, and answers them in the same order; rejects for all of them. */
  readonly put: (questions: readonly Q[]) => Promise<readonly T[]>
  /** Calls under way at once. */
  readonly calls: number
  /** Questions in one call. */
  readonly size: number
  /** Milliseconds that a question waits for its answer, the time in the queue included. */
  readonly patience: number
  readonly places: Places
}

interface Question<Q, T> extends Waiting {
  readonly asked: Q
  readonly answer: (answer: T) => void
  readonly fail: (error: unknown) => void
}

/**
 * Asks one question.
 *
 * @param stranger the client who asks for something never heard of
 * @throws CallRefused when the queue is full, DeadlineExceeded after the patience, else what the call threw
 */
export type Batching<Q, T> = (asked: Q, stranger?: string) => Promise<T>

/** Makes the function that asks. */
export function createBatching<Q, T>(options: BatchingOptions<Q, T>): Batching<Q, T> {
  const { name, put, calls, size, patience, places } = options
  const queue = createFairQueue<Question<Q, T>>(places)
  let underWay = 0

  const call = async (questions: readonly Question<Q, T>[]) => {
    try {
      const answers = await put(questions.map(({ asked }) => asked))
      if (answers.length !== questions.length) throw new RangeError(`${name} answers another number of questions`)
      for (const [index, answer] of answers.entries()) questions[index]?.answer(answer)
    } catch (error) {
      for (const { fail } of questions) fail(error)
    } finally {
      underWay -= 1
      proceed()
    }
  }

  const proceed = () => {
    for (; underWay < calls && queue.length > 0; underWay += 1) void call(queue.take(size))
  }

  return (asked, stranger) =>
    withDeadline(name, patience, (signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const question = { asked, stranger, answer: resolve, fail: reject }
      if (!queue.join(question)) return Promise.reject(new CallRefused(name, 'busy'))
      signal.addEventListener('abort', () => queue.leave(question), { once: true })
      proceed()
      return promise
    })
}
