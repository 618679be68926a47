/**
 * Versions of the file: which one is in force, and how the next one replaces it.
 *
 * A version is built whole before anything of the old one changes; then one reference is swapped.
 * A file that is not good never replaces one that was.
 *
 * @module
 */
import { keySourcesOf } from '#authn/schemes.ts'
import type { Config } from '#config/config.ts'
import { explain } from '#config/explain.ts'
import { disk, type Sources, type World } from '#config/files.ts'
import { loadConfig, type Loaded } from '#config/load.ts'
import { compileGate, type GateDeps } from '#gate/compile.ts'
import type { Component } from '#http/health.ts'
import { createServing, type Serving } from '#proxy/serving.ts'
import type { Upstreams } from '#proxy/upstreams.ts'
import { errorText } from '#telemetry/error-text.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

export interface VersionsDeps {
  /** The file. */
  readonly path: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly gate: GateDeps
  readonly upstreams: Upstreams
  readonly metrics: Metrics
  readonly log: Logger
  /** Number of the first version; 1 unless told. */
  readonly generation?: number
  /** What it reads the files of the first version with; the disk unless told. */
  readonly readFile?: World['readFile']
}

export interface Versions {
  readonly current: Serving
  readonly config: Config
  /** How many versions have been in force. */
  readonly generation: number
  readonly component: Component
  /** Reads the file again; puts it in force when it is good. Answers what to watch from now on. */
  reload(): Sources
  /**
   * Builds another version and leaves the one in force as it is.
   *
   * @throws Error when what was checked is gone when it is built, a CA file for instance
   */
  prepare(next: Config, readFile?: World['readFile']): Prepared
}

/** A version that is built; one of the two must be called. */
export interface Prepared {
  /** Puts it in force, as the next generation unless told which. */
  apply(generation?: number): void
  /** Lets go of it. */
  drop(): void
}

/** Keys of the file that are read once, at the start. */
const fixedAtStart = ['listen', 'probes', 'admin', 'workers', 'stores', 'log', 'grace'] as const

/** Puts the first version in force. */
export function createVersions(first: Loaded, deps: VersionsDeps): Versions {
  const { metrics, log } = deps
  let config = first.config
  let current = build(config, deps.readFile ?? disk.readFile, deps)
  let generation = deps.generation ?? 1
  let refused: string | undefined
  metrics.configGeneration.set(generation)

  const prepare = (next: Config, readFile = disk.readFile): Prepared => {
    const drop = () => keepTo(current, config)
    const serving = orElse(() => build(next, readFile, deps), drop)
    const apply = (number = generation + 1) => {
      config = next
      current = serving
      generation = number
      metrics.configGeneration.set(generation)
      drop()
    }
    return { apply, drop }
  }

  const tryToAdopt = (next: Config): string | undefined => {
    try {
      prepare(next).apply()
      warnOfPinned(first.config, next, log)
      return undefined
    } catch (error) {
      return errorText(error)
    }
  }

  /** Lets go of upstreams and keys that a version does not use. */
  const keepTo = (serving: Serving, { authenticators }: Config): void => {
    deps.upstreams.retain(serving.upstreams)
    deps.gate.authn.keySets.retain(keySourcesOf(authenticators))
  }

  return {
    get current() {
      return current
    },
    get config() {
      return config
    },
    get generation() {
      return generation
    },
    component: {
      name: 'config',
      check: () => ({ status: refused === undefined ? 'up' : 'degraded', generation, refused }),
    },
    prepare,
    reload() {
      const loaded = loadConfig(deps.path, { ...disk, env: deps.env })
      const problems = 'config' in loaded ? tryToAdopt(loaded.config) : explain(loaded.problems)
      refused = problems === undefined ? undefined : 'the log says why' // probes show nothing of the file
      metrics.configReloads.inc({ outcome: problems === undefined ? 'applied' : 'refused' })
      if (problems === undefined) log.info({ generation, routes: config.routes.length }, 'configuration applied')
      else log.error({ generation, problems }, 'configuration refused')
      return loaded.sources
    },
  }
}

/** Warns of what a new file wants and only a restart can give. */
export function warnOfPinned(first: Config, next: Config, log: Pick<Logger, 'warn'>): void {
  const keys = fixedAtStart.filter((key) => JSON.stringify(next[key]) !== JSON.stringify(first[key]))
  if (keys.length > 0) log.warn({ keys }, 'changed keys wait for a restart')
}

function build(config: Config, readFile: World['readFile'], { gate, upstreams, metrics }: VersionsDeps): Serving {
  return createServing(config, compileGate(config, gate), { upstreams, metrics, readFile })
}

function orElse<T>(make: () => T, undo: () => void): T {
  try {
    return make()
  } catch (error) {
    undo()
    throw error
  }
}
