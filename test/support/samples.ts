/**
 * Reading what `/metrics` says.
 *
 * @module
 */

/** Sum of every sample of a metric whose labels include these; 0 when there is none. */
export function sample(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  let sum = 0
  for (const line of text.split('\n')) {
    const [series = '', value] = line.split(/ (?=[^ ]*$)/)
    const ofName = series === name || series.startsWith(`${name}{`)
    if (ofName && wanted.every((label) => series.includes(label))) sum += Number(value)
  }
  return sum
}
