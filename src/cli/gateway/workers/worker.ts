/**
 * A worker: serves clients on a port that it shares with others, and does as the primary says.
 *
 * Signals are the primary's business: a terminal sends them to the whole group. When the primary is gone, the worker
 * drains and ends: nobody would count, reload or end it any more.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'

import { loadConfig, type Loaded } from '#config/load.ts'
import { errorText } from '#telemetry/error-text.ts'

import { processIo } from '../../io.ts'
import { createCore, type Among, type Core } from '../core.ts'
import { profileThis } from '../profiler.ts'
import type { Prepared } from '../versions.ts'
import { Leases } from './leases.ts'
import { ALIVE_EVERY } from './messages.ts'
import type { Beginning, FromWorker, Health, Preparation, Question, ToWorker } from './messages.ts'
import { filesOf, type Snapshot } from './snapshot.ts'

const LOOK_EVERY = 100 // milliseconds
const NO_PRIMARY = 'the primary is gone'

const io = processIo()

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

/** Waits for the primary's orders. */
export function runWorker(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  let worker: Promise<Worker | undefined> | undefined

  process.on('message', (message: ToWorker) => {
    if (message.kind === 'begin') worker = begin(message.beginning)
    else void worker?.then((it) => it?.hear(message))
  })
  process.on('disconnect', () => {
    if (worker === undefined) process.exit()
    void worker.then((it) => it?.end(NO_PRIMARY))
  })
  setInterval(() => tell({ kind: 'alive' }), ALIVE_EVERY).unref()
}

async function begin(beginning: Beginning): Promise<Worker | undefined> {
  const parts = new AsyncDisposableStack()
  try {
    const worker = await Worker.start(parts, beginning)
    tell({ kind: 'built', generation: beginning.generation })
    return worker
  } catch (error) {
    tell({ kind: 'failed', reason: errorText(error) })
    await parts.disposeAsync()
    process.exitCode = 1
    if (process.connected) process.disconnect()
    return undefined
  }
}

class Worker {
  readonly #parts: AsyncDisposableStack
  readonly #beginning: Beginning
  readonly #core: Core
  readonly #leases: Leases
  #prepared: Prepared | undefined
  #profiling = new AbortController()

  static async start(parts: AsyncDisposableStack, beginning: Beginning): Promise<Worker> {
    const { worker, processes, path, snapshot, generation } = beginning
    const leases = new Leases(processes, (borrowing) => tell({ kind: 'borrow', borrowing }))
    const { readFile } = filesOf(snapshot)
    const among: Among = {
      worker,
      processes,
      leased: (log, metrics) => leases.counters(log, metrics),
      generation,
      readFile,
    }
    const core = await createCore(parts, { path, loaded: load(path, snapshot), among }, io)
    return new Worker(parts, beginning, core, leases)
  }

  private constructor(parts: AsyncDisposableStack, beginning: Beginning, core: Core, leases: Leases) {
    this.#parts = parts
    this.#beginning = beginning
    this.#core = core
    this.#leases = leases
    void this.#tellWhenFit()
  }

  hear(message: Exclude<ToWorker, { kind: 'begin' }>): void {
    switch (message.kind) {
      case 'open':
        return void this.#open()
      case 'ask':
        return void this.#answer(message.turn, message.question)
      case 'conclude':
        return this.#conclude(message.generation)
      case 'lend':
        return this.#leases.hear(message.lending)
      case 'stop profile':
        return this.#profiling.abort()
      case 'drain':
        return void this.end(message.reason)
      default:
        message satisfies never
    }
  }

  /** Drains and ends; called again, at once. */
  async end(reason: string): Promise<void> {
    const { drain } = this.#core.clients
    const first = drain.state === 'ready'
    await drain.begin(reason)
    if (!first) return
    await this.#parts.disposeAsync()
    if (process.connected) process.disconnect()
  }

  async #open(): Promise<void> {
    try {
      await this.#core.clients.listen(this.#beginning.listen)
      tell({ kind: 'open' })
    } catch (error) {
      tell({ kind: 'failed', reason: errorText(error) })
      process.exit(1)
    }
  }

  async #answer(turn: number, question: Question): Promise<void> {
    tell({ kind: 'answer', turn, answer: await this.#answerTo(question) })
  }

  #answerTo(question: Question): unknown {
    switch (question.kind) {
      case 'health':
        return this.#health()
      case 'metrics':
        return this.#core.metrics.registry.getMetricsAsJSON()
      case 'prepare':
        return this.#prepare(question.snapshot)
      case 'profile':
        this.#profiling = new AbortController()
        return profileThis(question.of, question.time, this.#profiling.signal).catch(() => undefined)
      default:
        return question satisfies never
    }
  }

  async #health(): Promise<Health> {
    const { components } = this.#core.clients
    const entries = components.map(async (component) => {
      const { name, required = false } = component
      const status = await Promise.resolve(component.check()).catch(
        () => ({ status: 'down', reason: 'check failed' }) as const,
      )
      return [name, { required, status }] as const
    })
    return Object.fromEntries(await Promise.all(entries))
  }

  #prepare(snapshot: Snapshot): Preparation {
    try {
      const { config } = load(this.#beginning.path, snapshot)
      this.#prepared?.drop()
      this.#prepared = this.#core.versions.prepare(config, filesOf(snapshot).readFile)
      return {}
    } catch (error) {
      return { problem: errorText(error) }
    }
  }

  #conclude(generation: number | undefined): void {
    if (generation === undefined) this.#prepared?.drop()
    else this.#prepared?.apply(generation)
    this.#prepared = undefined
  }

  /** Requests would be refused before: while others can serve them, they should. */
  async #tellWhenFit(): Promise<void> {
    const isFit = (health: Health) =>
      Object.values(health).every((one) => !one.required || one.status.status !== 'down')
    while (!isFit(await this.#health())) await pause(LOOK_EVERY, undefined, { ref: false })
    tell({ kind: 'fit' })
  }
}

/** @throws Error when it is not good, which the primary has seen to */
function load(path: string, snapshot: Snapshot): Loaded {
  const loaded = loadConfig(path, { ...filesOf(snapshot), env: io.env })
  if ('config' in loaded) return loaded
  throw new Error(`${path} is not good here: ${loaded.problems.map(({ message }) => message).join('; ')}`)
}
