/**
 * A wall clock that can be set for one process alone, by libfaketime; clocks that never leap stay as they are.
 *
 * @module
 */
import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { needs } from './processes.ts'

const [LIBRARY = '/usr/lib/faketime/libfaketimeMT.so.1'] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')

/** For `suite(…, { skip: noFakeClock })`. */
export const noFakeClock = needs(LIBRARY)

export interface FakeClock {
  /** Environment of the process. */
  readonly env: NodeJS.ProcessEnv
  /** Sets the clock so many seconds ahead of the true one, from now on. */
  set(seconds: number): void
}

/** Makes one that is right at first. */
export function fakeClock(folder: string): FakeClock {
  const path = join(folder, 'clock')
  const set = (seconds: number) => {
    writeFileSync(`${path}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`)
    renameSync(`${path}.new`, path)
  }
  set(0)
  const told = { FAKETIME_TIMESTAMP_FILE: path, FAKETIME_NO_CACHE: '1' }
  return { set, env: { ...told, LD_PRELOAD: LIBRARY, DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' } }
}
