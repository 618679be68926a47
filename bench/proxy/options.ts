/**
 * The command line of the comparison.
 *
 * @module
 */
import { parseArgs } from 'node:util'

import { groups, type Candidate, type Plan } from './candidate.ts'

export interface Options {
  readonly quick: boolean
  /** Ids and groups; all when undefined. */
  readonly only: readonly string[] | undefined
  /** Where the raw figures go. */
  readonly json: string | undefined
  readonly help: boolean
}

const plans = {
  full: {
    warm: 3,
    rounds: 3,
    seconds: 2,
    once: 20_000,
    sessions: 6000,
    paced: { rounds: 3, seconds: 2, rates: [1000, 5000, 20_000] },
  },
  quick: {
    warm: 3,
    rounds: 2,
    seconds: 1,
    once: 3000,
    sessions: 3000,
    paced: { rounds: 1, seconds: 1, rates: [1000] },
  },
} as const satisfies Record<string, Plan>

/** How long and how much. */
export function planOf({ quick }: Pick<Options, 'quick'>): Plan {
  return quick ? plans.quick : plans.full
}

/** Reads the arguments. @throws TypeError that tells which one is not understood */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return { quick: values.quick, only: values.only?.split(','), json: values.json, help: values.help }
}

/** Who takes part. @throws TypeError for a name that is neither a candidate nor a group */
export function choose(all: readonly Candidate[], { quick, only }: Pick<Options, 'quick' | 'only'>): Candidate[] {
  const unknown = only?.find((name) => !Object.hasOwn(groups, name) && all.every(({ id }) => id !== name))
  if (unknown !== undefined) throw new TypeError(`no candidate or group is called ${unknown}; --help lists them`)
  if (only !== undefined) return all.filter(({ id, group }) => only.includes(id) || only.includes(group))
  return all.filter((candidate) => !quick || candidate.quick === true)
}

/** Text of `--help`. */
export function help(all: readonly Candidate[]): string {
  const lists = Object.entries(groups).map(([group, what]) => {
    const ids = all.filter((candidate) => candidate.group === group).map(({ id }) => id)
    return `  ${group.padEnd(10)} ${what}\n${' '.repeat(13)}${ids.join(' ')}`
  })
  return `usage: npm run bench -- [--quick] [--only NAME[,NAME]] [--json FILE]

Measures Heimdall beside other proxies, all of them in turn under the same load, and holds it against its bars.
Installs what is missing when it may (apt-get as root; npm), listens on loopback alone, and takes some twenty minutes.
A full run writes bench/RESULTS.md and the plots beside it; the others print what they measured.

  --quick      the most telling candidates, less than two minutes
  --only NAME  candidates or groups, separated by commas
  --json FILE  keeps the raw figures, round by round

groups, with their candidates:
${lists.join('\n')}

examples:
  npm run bench
  npm run bench -- --quick
  npm run bench -- --only heimdall,relay,haproxy-rs256 --json figures.json
  npm run bench -- --only websocket
`
}
