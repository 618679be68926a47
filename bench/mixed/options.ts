/**
 * The command line of the mixed scenario.
 *
 * @module
 */
import { parseArgs } from 'node:util'

export interface Options {
  readonly quick: boolean
  readonly help: boolean
  /** Where the figures go. */
  readonly json: string | undefined
  readonly identities: number
  /** Requests a second, of both gateways together. */
  readonly rate: number
  /** Seconds of the mix before the measured ones. */
  readonly warmUp: number
  /** Seconds that are measured. */
  readonly seconds: number
}

/** Reads the arguments. @throws TypeError that tells which one is not understood */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      rate: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const { quick, help } = values
  return {
    quick,
    help,
    json: values.json,
    identities: quick ? 20_000 : 100_000,
    rate: count('rate', values.rate ?? (quick ? '1000' : '3000')),
    warmUp: quick ? 5 : 10,
    seconds: count('seconds', values.seconds ?? (quick ? '15' : '60')),
  }
}

function count(name: string, text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new TypeError(`--${name} must be a whole number from 1 to 99999`)
  return Number(text)
}

/** Text of `--help`. */
export const help = `usage: npm run bench:mixed -- [--quick] [--seconds N] [--rate N] [--json FILE]

A day of a service in a minute: 100,000 identities with tokens, sessions and keys, some of them asked for much more
often than others, before two gateways that share a Redis and a Postgres. 99 % of the requests show a credential that
was shown before, 0.9 % one that was renewed, 0.1 % that of somebody new; 1 % of the sessions are ended meanwhile.
Tells which layer answered, how long that took, what the stores had to do, and whether ended sessions were refused in time.
Needs redis-server and Postgres 15, listens on loopback alone, takes two and a half minutes; a run without --quick writes
bench/mixed/RESULTS.md and the plot beside it.

  --quick      20,000 identities for 15 seconds; prints what it measured
  --seconds N  measured seconds (60)
  --rate N     requests a second, of both gateways together (3000; 1000 with --quick)
  --json FILE  keeps the figures that bars are held against

examples:
  npm run bench:mixed
  npm run bench:mixed -- --quick
  npm run bench:mixed -- --seconds 300 --rate 5000
`
