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
import { disk, type Sources } from '#config/files.ts'
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
}

export interface Versions {
  readonly current: Serving
  readonly config: Config
  /** How many versions have been in force. */
  readonly generation: number
  readonly component: Component
  /** Reads the file again; puts it in force when it is good. Answers what to watch from now on. */
  reload(): Sources
}

/** Keys of the file that are read once, at the start. */
const fixedAtStart = ['listen', 'probes', 'admin', 'stores', 'log', 'grace'] as const

/** Puts the first version in force. */
export function createVersions(first: Loaded, deps: VersionsDeps): Versions {
  const { metrics, log } = deps
  let config = first.config
  let current = build(config, deps)
  let generation = 1
  let refused: string | undefined
  metrics.configGeneration.set(generation)

  const adopt = (next: Config): void => {
    const serving = build(next, deps)
    const pinned = fixedAtStart.filter((key) => JSON.stringify(next[key]) !== JSON.stringify(first.config[key]))
    if (pinned.length > 0) log.warn({ keys: pinned }, 'changed keys wait for a restart')
    config = next
    current = serving
    generation += 1
    metrics.configGeneration.set(generation)
    keepTo(serving, next)
  }

  /** What was checked may be gone when it is built, a CA file for instance: then nothing has changed. */
  const tryToAdopt = (next: Config): string | undefined => {
    try {
      adopt(next)
      return undefined
    } catch (error) {
      keepTo(current, config)
      return errorText(error)
    }
  }

  /** Lets go of upstreams and keys that the version in force does not use. */
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

function build(config: Config, { gate, upstreams, metrics }: VersionsDeps): Serving {
  return createServing(config, compileGate(config, gate), { upstreams, metrics, readFile: disk.readFile })
}
