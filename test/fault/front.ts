/**
 * A gateway with open routes: one per upstream, under its name.
 *
 * @module
 */
import { serve, type TestGateway } from '../support/gateway.ts'

export interface FrontOptions {
  /** More keys of every route. */
  readonly route?: string
  /** More keys of the file. */
  readonly top?: string
  readonly grace?: string
  readonly env?: NodeJS.ProcessEnv
  readonly flags?: readonly string[]
}

/** Nothing is left alone: what is measured is every single request. */
export const NO_BREAKER = 'breaker: { of_at_least: 1000000 }'

/** Starts `heimdall serve`; the values are those of `upstreams` in the file. */
export function startFront(
  upstreams: Readonly<Record<string, string>>,
  options: FrontOptions = {},
): Promise<TestGateway> {
  const { route = '', top = '', grace = '500ms', ...process } = options
  const names = Object.keys(upstreams)
  return serve(
    `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: ${grace}
${top}
upstreams:
${names.map((name) => `  ${name}: ${upstreams[name]}`).join('\n')}
routes:
${names.map((name) => `  - { path: "/${name}/**", upstream: ${name}, public: true${route === '' ? '' : `, ${route}`} }`).join('\n')}
`,
    process,
  )
}
