/**
 * Every command, in the order of the overview. Each is loaded when it is called or listed, with what it needs:
 * a gateway that serves holds nothing of the others.
 *
 * @module
 */
import type { Command } from './command.ts'

const loaders: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['dev', async () => (await import('./commands/dev.ts')).dev],
  ['token', async () => (await import('./commands/token.ts')).token],
  ['serve', async () => (await import('./commands/serve.ts')).serve],
  ['check', async () => (await import('./commands/check.ts')).check],
  ['routes', async () => (await import('./commands/routes.ts')).routes],
  ['schema', async () => (await import('./commands/schema.ts')).schema],
  ['migrate', async () => (await import('./commands/migrate.ts')).migrate],
  ['key', async () => (await import('./commands/key.ts')).key],
  ['health', async () => (await import('./commands/health.ts')).health],
  ['profile', async () => (await import('./commands/profile.ts')).profile],
  ['probe', async () => (await import('./commands/probe.ts')).probe],
  ['version', async () => (await import('./commands/version.ts')).version],
])

/** The command of that name. */
export async function commandOf(name: string): Promise<Command | undefined> {
  return await loaders.get(name)?.()
}

/** All of them. */
export function allCommands(): Promise<Command[]> {
  return Promise.all([...loaders.values()].map((load) => load()))
}
