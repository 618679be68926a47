/**
 * A command of the command line.
 *
 * To add one: a file in `commands/` and a line in `commands.ts`.
 *
 * @module
 */
import type { ParseArgsOptionsConfig } from 'node:util'

/** What a command was called with. */
export interface Call {
  readonly positionals: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | undefined>>
}

/** The outside world, as far as commands touch it. */
export interface Io {
  /** Prints a line for people or pipes. */
  out(line: string): void
  /** Prints a line about what went wrong. */
  err(line: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
  /** Heeds signals from now on, instead of ending at once. */
  signals(): Signals
}

/** The signals of a process that ends in its own time. */
export interface Signals {
  /** Resolves with the name of the first SIGINT or SIGTERM. */
  readonly first: Promise<string>
  /** Resolves with the second. */
  readonly again: Promise<string>
  onHangup(action: () => void): void
  /** Leaves signals to the system again. */
  stop(): void
}

export interface Command {
  readonly name: string
  /** One line for the overview. */
  readonly summary: string
  /** Arguments after the name, as help shows them. */
  readonly usage: string
  /** Most arguments beside options; none when absent. */
  readonly operands?: number
  /** Option name, with its value if any, and what it does. */
  readonly options: ParseArgsOptionsConfig
  readonly describe: Readonly<Record<string, string>>
  readonly examples: readonly string[]
  /** Longer text under the usage line. */
  readonly about?: string
  /** @returns the exit code */
  run(call: Call, io: Io): Promise<number>
}

/** A string option, or undefined. */
export function text(call: Call, name: string): string | undefined {
  const value = call.values[name]
  return typeof value === 'string' ? value : undefined
}
