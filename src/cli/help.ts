/**
 * Help texts: the overview of all commands, and one page for each.
 *
 * @module
 */
import type { Command } from './command.ts'

const CALL = 'npm run -s heimdall --'

/** Lists every command with its summary. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length))
  return [
    'Heimdall: an identity-aware gateway in front of one service.',
    '',
    `usage: ${CALL} COMMAND [options]`,
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    `${CALL} COMMAND --help shows the options and examples of a command.`,
  ].join('\n')
}

/** Explains one command: usage, options, examples. */
export function page(command: Command): string {
  const names = Object.entries(command.options).map(([name, option]) => {
    const value = option.type === 'string' ? ` ${name.toUpperCase()}` : ''
    return [`--${name}${value}`, command.describe[name] ?? ''] as const
  })
  const width = Math.max(0, ...names.map(([name]) => name.length))
  return [
    command.summary,
    '',
    `usage: ${`${CALL} ${command.name} ${command.usage}`.trimEnd()}`,
    ...(command.about === undefined ? [] : ['', command.about]),
    ...(names.length === 0 ? [] : ['', 'options:', ...names.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`)]),
    '',
    'examples:',
    ...command.examples.map((example) => `  ${example}`),
  ].join('\n')
}
