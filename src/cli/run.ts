/**
 * The command line: finds the command, reads its options, runs it.
 *
 * @module
 */
import { parseArgs } from 'node:util'

import { errorText } from '#telemetry/error-text.ts'

import type { Call, Command, Io } from './command.ts'
import { allCommands, commandOf } from './commands.ts'
import { overview, page } from './help.ts'
import { processIo } from './io.ts'

const USAGE = 2

/** @returns the exit code: 0 done, 1 the command says no, 2 called wrongly */
export async function run(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const asked = await commandOf(rest[0] ?? '')
    io.out(asked === undefined ? overview(await allCommands()) : page(asked))
    return name === undefined ? USAGE : 0
  }
  const command = await commandOf(name === '--version' ? 'version' : name)
  if (command === undefined) {
    io.err(`heimdall: no command "${name}"\n\n${overview(await allCommands())}`)
    return USAGE
  }
  const call = readCall(command, rest)
  if (typeof call === 'string') {
    io.err(`heimdall ${command.name}: ${call}\n\n${page(command)}`)
    return USAGE
  }
  if (call.values['help'] === true) {
    io.out(page(command))
    return 0
  }
  return command.run(call, io)
}

function readCall(command: Command, args: readonly string[]): Call | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
    const stray = positionals[command.operands ?? 0]
    return stray === undefined ? { positionals, values } : `takes no argument "${stray}"`
  } catch (error) {
    return errorText(error)
  }
}
