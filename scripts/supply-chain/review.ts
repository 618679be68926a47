/**
 * Review of a package lock: what we run is what was reviewed, may be used, and is not known to be broken.
 *
 * @module
 */
import { z } from 'zod'

import { floors, reaches } from './floors.ts'

const platforms = z
  .union([z.string(), z.array(z.string())])
  .transform((written) => [written].flat())
  .optional()
const entry = z.object({
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  dev: z.boolean().optional(),
  optional: z.boolean().optional(),
  link: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  os: platforms,
  cpu: platforms,
  libc: platforms,
})
export const lockSchema = z.object({ packages: z.record(z.string(), entry) })
type Entry = z.output<typeof entry>

/** What may be shipped with an Apache-2.0 product without further duties than naming it. */
const licences = ['Apache-2.0', 'MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0']

export interface Part {
  readonly name: string
  readonly version: string
  readonly licence: string
  /** Where it runs. */
  readonly use: 'image' | 'optional' | 'development'
}

export interface Review {
  readonly parts: readonly Part[]
  /** One line each; none when all is well. */
  readonly problems: readonly string[]
}

/**
 * Reviews a lock.
 *
 * @param node the least version of Node that the product starts on
 */
export function review(lock: z.output<typeof lockSchema>, node: string): Review {
  const entries = Object.entries(lock.packages).filter(([path]) => path !== '')
  const parts = entries.map(([path, { version = '', license = 'none', ...rest }]) => ({
    name: nameOf(path),
    version,
    licence: license,
    use: useOf(rest),
  }))
  const problems = entries.flatMap(([path, found]) => problemsOf(nameOf(path), found))
  return { parts, problems: [...problems, ...belowFloor([{ name: 'node', version: node }, ...parts])] }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

function useOf({ dev, optional }: Pick<Entry, 'dev' | 'optional'>): Part['use'] {
  if (dev === true) return 'development'
  return optional === true ? 'optional' : 'image'
}

/**
 * A linter for machines that this is not developed on: it cannot be fetched here to be summed up,
 * and is in the lock only because npm asks for its name (`test/deploy/lock.test.ts`).
 */
function isElsewhere({ dev, optional, os, cpu, libc }: Entry): boolean {
  const here = ['linux', 'x64', 'arm64', 'glibc']
  return dev === true && optional === true && [os, cpu, libc].some((needs) => needs?.some((one) => !here.includes(one)))
}

function problemsOf(name: string, found: Entry): string[] {
  const { license, integrity, resolved, hasInstallScript, link } = found
  const summed = /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')
  const rules: readonly (readonly [broken: boolean, problem: string])[] = [
    [!licences.includes(license ?? ''), `its licence is ${license ?? 'not told'}`],
    [!summed && !isElsewhere(found), 'has no SHA-512 in the lock'],
    [resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'), `comes from ${resolved}`],
    [hasInstallScript === true, 'wants to run a script when it is installed'],
    [link === true, 'is a link to a folder'],
  ]
  return rules.filter(([broken]) => broken).map(([, problem]) => `${name}: ${problem}`)
}

function belowFloor(parts: readonly { readonly name: string; readonly version: string }[]): string[] {
  return parts.flatMap(({ name, version }) =>
    floors
      .filter((floor) => floor.name === name && !reaches(version, floor.version))
      .map((floor) => `${name} ${version}: below ${floor.version}, ${floor.advisory}: ${floor.flaw}`),
  )
}
