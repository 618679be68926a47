/**
 * A member: one worker process, as the primary sees it.
 *
 * @module
 */
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

import type { Beginning, FromWorker, Question, ToWorker } from './messages.ts'

const ENTRY = join(import.meta.dirname, 'entry.ts')

/** What the primary wants to hear; `answer` is dealt with here. */
export interface MemberEvents {
  heard(member: Member, message: Exclude<FromWorker, { kind: 'answer' | 'alive' }>): void
  ended(member: Member, cause: string): void
}

export class Member {
  readonly index: number
  /** `performance.now()` of its start, and of the last sign of life. */
  readonly since = performance.now()
  heard = performance.now()
  state: 'starting' | 'built' | 'opening' | 'open' | 'ended' = 'starting'
  generation: number
  isFit = false
  /** Why it could not be started, and why it was ended by us. */
  reason: string | undefined
  readonly #child: ChildProcess
  readonly #asked = new Map<number, (answer: unknown) => void>()
  #turn = 0

  /** Starts it with the flags that this process has. */
  constructor(beginning: Beginning, events: MemberEvents) {
    this.index = beginning.worker
    this.generation = beginning.generation
    this.#child = fork(ENTRY, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (message: FromWorker) => {
      this.heard = performance.now()
      if (message.kind === 'answer') this.#asked.get(message.turn)?.(message.answer)
      else if (message.kind !== 'alive') events.heard(this, message)
    })
    this.#child.once('error', (error) => this.#end(events, error.message)) // not even started
    this.#child.once('exit', (code, signal) => this.#end(events, signal ?? `exit ${code}`))
    this.tell({ kind: 'begin', beginning })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  tell(message: ToWorker): void {
    // An error means that it is about to end, which is told by itself.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  /** Asks; undefined when there is no answer in time. */
  ask(question: Question, patience: number): Promise<unknown> {
    const turn = (this.#turn += 1)
    return new Promise((resolve) => {
      const settle = (answer?: unknown) => {
        clearTimeout(timer)
        this.#asked.delete(turn)
        resolve(answer)
      }
      const timer = setTimeout(settle, patience)
      this.#asked.set(turn, settle)
      this.tell({ kind: 'ask', turn, question })
      if (this.state === 'ended') settle()
    })
  }

  /** Ends it at once. */
  kill(reason: string): void {
    this.reason ??= reason
    this.#child.kill('SIGKILL')
  }

  #end(events: MemberEvents, cause: string): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    for (const settle of this.#asked.values()) settle(undefined)
    events.ended(this, this.reason ?? cause)
  }
}
