/**
 * Settings of the process that would undo what the gateway promises; it does not start with them.
 *
 * Dangers in the file are `config/risks.ts`' and can be accepted by name; nothing here is worth accepting.
 *
 * @module
 */
import { isLoopback } from '#values/network.ts'

interface Danger {
  readonly pattern: RegExp
  readonly why: string
}

const dangers: readonly Danger[] = [
  { pattern: /^--insecure-http-parser(?:=|$)/, why: 'lets requests in whose end two parties see in different places' },
  { pattern: /^--disable-proto=throw$/, why: 'lets one request with a header named `__proto__` end the process' },
  { pattern: /^--security-revert=/, why: 'brings back flaws that Node has mended' },
  { pattern: /^--tls-min-v1\.[01](?:=|$)/, why: 'speaks versions of TLS that can be read by others' },
]

/**
 * Finds them in the flags and the environment of Node.
 *
 * @param flags what Node was started with (`process.execArgv`)
 * @returns one line for people each; none when all is well
 */
export function unsafeProcess(env: Readonly<Record<string, string | undefined>>, flags: readonly string[]): string[] {
  const found = spelledOut([...flags, env['NODE_OPTIONS'] ?? ''].join(' ')).flatMap((flag) => {
    const danger = dangers.find(({ pattern }) => pattern.test(flag))
    if (danger !== undefined) return [`${flag} ${danger.why}`]
    return isOpenInspector(flag) ? [`${flag} lets everybody who reaches that port run code here`] : []
  })
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0')
    found.push(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 believes every certificate: anybody on the way can be the issuer or the service',
    )
  return found
}

/** Flags as `--name=value`: Node reads `_` as `-`, quotes, and a value behind a space too. */
function spelledOut(flags: string): string[] {
  const plain = flags
    .replaceAll(/["'\\]/g, '')
    .replaceAll('_', '-')
    .trim()
  return plain.replaceAll(/\s+(?![\s-])/g, '=').split(/\s+/)
}

/** `--inspect=HOST:PORT`, also `-brk` and `-wait`; a port alone is one of loopback. */
function isOpenInspector(flag: string): boolean {
  const where = /^--(?:inspect|debug)(?:-brk|-wait|-port)?=(.+)$/.exec(flag)?.[1]
  if (where === undefined || /^\d+$/.test(where)) return false
  return !isLoopback(where.replace(/:\d+$/, ''))
}
