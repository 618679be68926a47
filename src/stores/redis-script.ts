/**
 * Scripts that answer a question about one key, run for many keys at once.
 *
 * A command costs this process far more than it costs Redis: a promise, timers, a deadline, the breaker, a write.
 * So what concurrent requests ask in one turn of the event loop travels in one command, and nobody waits for another turn.
 * In a Cluster the keys of a command must be of one slot, so there each question is a command of its own.
 *
 * @module
 */
import { hash } from 'node:crypto'

import { ReplyError } from 'ioredis'

import { CallRefused } from '#resilience/breaker.ts'

import type { RedisClient } from './redis-client.ts'
import type { RedisStore } from './redis.ts'

const MOST_WAITING = 4096 // questions that wait for answers, over all commands

export interface RedisScriptOptions<T> {
  /** What is done, for the metrics. */
  readonly query: string
  /** Lua: answers a flat list, `width` values for each of `KEYS`, whose arguments are `ARGV`. */
  readonly lua: string
  readonly width: number
  /** Most keys of one command, which Redis answers before it turns to anybody else. */
  readonly most: number
  /** Reads the values of one answer, which begin at an index of the list; throws when they are none. */
  readonly read: (values: readonly unknown[], from: number) => T
}

/**
 * Asks about a key.
 *
 * @throws CallRefused, DeadlineExceeded, or what Redis answered
 */
export type RedisScript<T> = (key: string, argument: string) => Promise<T>

interface Question<T> {
  readonly key: string
  readonly argument: string
  readonly answer: (value: T) => void
  readonly fail: (error: unknown) => void
}

/** Makes the function that asks. */
export function redisScript<T>(
  redis: Pick<RedisStore, 'client' | 'run'>,
  options: RedisScriptOptions<T>,
): RedisScript<T> {
  const { query, read, width } = options
  const most = redis.client.isCluster ? 1 : options.most
  const run = runner(options)
  let asked: Question<T>[] = []
  let waiting = 0

  const ask = async (questions: readonly Question<T>[]) => {
    try {
      // Read within the call: a server that answers something else is as good as none.
      const answers = await redis.run(
        query,
        async (client) => {
          const values = await run(client, questions)
          return questions.map((_, index) => read(values, index * width))
        },
        questions.length,
      )
      answers.forEach((value, index) => questions[index]?.answer(value))
    } catch (error) {
      for (const { fail } of questions) fail(error)
    } finally {
      waiting -= questions.length
    }
  }

  const flush = () => {
    const questions = asked
    asked = []
    for (let from = 0; from < questions.length; from += most) void ask(questions.slice(from, from + most))
  }

  return (key, argument) =>
    new Promise<T>((answer, fail) => {
      if (waiting >= MOST_WAITING) return fail(new CallRefused(query, 'busy'))
      waiting += 1
      if (asked.push({ key, argument, answer, fail }) === 1) setImmediate(flush)
    })
}

/** Runs the script by its digest, and by its text where a server does not know it (any more). */
function runner({ lua, width }: Pick<RedisScriptOptions<unknown>, 'lua' | 'width'>) {
  const digest = hash('sha1', lua)

  return async (client: RedisClient, questions: readonly Question<never>[]): Promise<readonly unknown[]> => {
    const words = [...questions.map(({ key }) => key), ...questions.map(({ argument }) => argument)]
    const values: unknown = await client.evalsha(digest, questions.length, ...words).catch((error: unknown) => {
      if (!(error instanceof ReplyError && (error as Error).message.startsWith('NOSCRIPT'))) throw error
      return client.eval(lua, questions.length, ...words)
    })
    if (!Array.isArray(values) || values.length !== width * questions.length)
      throw new TypeError('not the answer of the script')
    return values
  }
}
