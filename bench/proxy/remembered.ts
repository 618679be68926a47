/**
 * How much memory a gateway takes for a hundred thousand tokens that it has seen.
 *
 * @module
 */
import type { Plan } from './candidate.ts'
import { gateway } from './candidates/gateway.ts'
import { send } from './loads.ts'
import type { Remembered } from './result.ts'
import { start } from './start.ts'
import { memory, treeOf } from '../usage.ts'
import { PATH, type World } from './world.ts'

const STEPS = 5 // lists, so that each generator holds a fifth

/** Loads a gateway with one token until its memory has the size of work, then with `tokens` different ones. */
export async function remember(world: World, plan: Plan, tokens: number): Promise<Remembered | undefined> {
  const candidate = gateway.find(({ id }) => id === 'es256')
  if (candidate === undefined) return undefined
  const one = await start(candidate, world, plan)
  const pid = one.child?.pid
  if (one.child === undefined || pid === undefined) return undefined
  world.children.resume(pid)
  await send(world.children, one.origin, one.traffic, { seconds: plan.warm, round: 0 })
  const before = memory(treeOf(pid)).now
  const list = () => world.tokens.list('ES256', Math.ceil(tokens / STEPS))
  const traffic = { kind: 'once', path: PATH, header: 'Authorization', sample: '', list } as const
  for (let step = 0; step < STEPS; step += 1)
    await send(world.children, one.origin, traffic, { seconds: plan.seconds, round: step })
  await send(world.children, one.origin, one.traffic, { seconds: plan.seconds, round: 0 })
  const after = memory(treeOf(pid)).now
  await world.children.end(one.child)
  return { tokens, before, after }
}
