/**
 * How far a run is, and how long it will still take.
 *
 * @module
 */
export interface Progress {
  /** One step more is done. */
  done(what: string): void
}

/**
 * Tells each step with the time that is left, as the steps so far suggest.
 *
 * @param steps how many there will be
 */
export function startProgress(
  steps: number,
  say: (line: string) => void,
  clock: () => number = () => performance.now(),
): Progress {
  const began = clock()
  let count = 0
  return {
    done(what) {
      count += 1
      const left = ((clock() - began) / count) * Math.max(0, steps - count)
      say(`[${count}/${steps}, ${inWords(left)} left] ${what}`)
    },
  }
}

function inWords(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
