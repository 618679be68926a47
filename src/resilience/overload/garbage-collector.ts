/**
 * The garbage collector, on demand.
 *
 * V8 collects when its own limit comes near, which says nothing of the container's: what thousands of closed connections
 * leave behind would stay for as long as nothing new is let in. Envoy's overload action for it is "shrink heap".
 *
 * @module
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Makes a function that collects all garbage and gives its pages back: any other kind of collection keeps them.
 * It pauses the process for some 100 ms per 200 MB of what is alive.
 */
export function createGarbageCollector(): () => void {
  setFlagsFromString('--expose-gc') // only for contexts made from now on: nobody else gets to see `gc`
  const collect: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return () => {
    if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }
}
