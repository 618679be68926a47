/**
 * The keeper of the file: the primary reads it, and all workers put it in force, or none does.
 *
 * What is in force is kept as it was read: a worker that is replaced while the file is broken serves the last good one.
 *
 * @module
 */
import type { Config } from '#config/config.ts'
import { explain } from '#config/explain.ts'
import { loadConfig, type Loaded } from '#config/load.ts'
import { watchSources, type Watching } from '#config/watch.ts'
import type { Component } from '#http/health.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import { warnOfPinned } from '../versions.ts'
import { capturing, type Snapshot } from './snapshot.ts'

export interface KeeperDeps {
  /** The file. */
  readonly path: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'configGeneration' | 'configReloads'>
  /** Has all workers build a version, and put it in force as this generation; answers why it was not, if so. */
  readonly propose: (snapshot: Snapshot, generation: number) => Promise<string | undefined>
  /** Called when a version is in force: workers that were built meanwhile were not asked. */
  readonly applied: () => void
}

export class Keeper {
  config: Config
  snapshot: Snapshot
  generation = 1
  readonly #first: Config
  readonly #deps: KeeperDeps
  readonly #watching: Watching
  #refused = false
  #isReloading = false
  #again = false

  constructor({ config, sources }: Loaded, snapshot: Snapshot, deps: KeeperDeps) {
    this.config = config
    this.#first = config
    this.snapshot = snapshot
    this.#deps = deps
    this.#watching = watchSources(sources, () => this.reload())
    deps.metrics.configGeneration.set(1)
  }

  readonly component: Component = {
    name: 'config',
    check: () => ({
      status: this.#refused ? 'degraded' : 'up',
      generation: this.generation,
      refused: this.#refused ? 'the log says why' : undefined,
    }),
  }

  /** Reads the file again, after a reload that is under way. */
  reload(): void {
    this.#again = true
    if (!this.#isReloading) void this.#reloadAll()
  }

  close(): void {
    this.#watching.close()
    this.#again = false
  }

  async #reloadAll(): Promise<void> {
    this.#isReloading = true
    while (this.#again) {
      this.#again = false
      await this.#reloadOnce()
    }
    this.#isReloading = false
  }

  async #reloadOnce(): Promise<void> {
    const { path, env, metrics, log, propose } = this.#deps
    const files = capturing()
    const loaded = loadConfig(path, { ...files, env })
    this.#watching.follow(loaded.sources)
    const snapshot = files.snapshot()
    const problems = 'config' in loaded ? await propose(snapshot, this.generation + 1) : explain(loaded.problems)
    this.#refused = problems !== undefined
    metrics.configReloads.inc({ outcome: this.#refused ? 'refused' : 'applied' })
    if ('problems' in loaded || problems !== undefined)
      return log.error({ generation: this.generation, problems }, 'configuration refused')
    this.snapshot = snapshot
    this.config = loaded.config
    this.generation += 1
    metrics.configGeneration.set(this.generation)
    this.#deps.applied()
    warnOfPinned(this.#first, loaded.config, log)
    log.info({ generation: this.generation, routes: loaded.config.routes.length }, 'configuration applied')
  }
}
