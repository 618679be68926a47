/**
 * The heap of a gateway, after a collection.
 *
 * @module
 */
import type { TestGateway } from './gateway.ts'
import { eventually } from './processes.ts'

const told = `data:text/javascript,${encodeURIComponent(`
import { writeSync } from 'node:fs'
process.on('SIGUSR2', () => {
  globalThis.gc()
  writeSync(1, JSON.stringify({ msg: 'heap', bytes: process.memoryUsage().heapUsed }) + '\\n')
})`)}`

/** Flags for `serve`: the gateway tells the size of its heap, as a log line, on SIGUSR2. */
export const TELLS_HEAP = ['--expose-gc', '--import', told]

/** Bytes of the heap of a gateway that was started with `TELLS_HEAP`. */
export async function heapOf(gateway: TestGateway): Promise<number> {
  const known = gateway.lines.length
  const line = () => gateway.lines.slice(known).find(({ msg }) => msg === 'heap')
  gateway.child.kill('SIGUSR2')
  await eventually('the heap is told', () => line() !== undefined)
  return Number(line()?.['bytes'])
}
