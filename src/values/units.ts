/**
 * Values with units, as people write them in the file: `250ms`, `64KiB`, `500B/s`, `100/min`.
 *
 * @module
 */
import { z } from 'zod'

const durationUnits = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const
const sizeUnits = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const
const durationPattern = /^(\d{1,9})(ms|s|m|min|h|d)$/
const sizePattern = /^(\d{1,9})(B|KiB|MiB|GiB)$/
const speedPattern = /^(\d{1,9}(?:B|KiB|MiB|GiB))\/s$/
const ratePattern = /^([1-9]\d{0,8})\/(s|m|min|h|d|\d{1,9}(?:ms|s|m|min|h|d))$/

/** Milliseconds of a text that `durationPattern` accepts. */
export function milliseconds(text: string): number {
  const [, count, unit] = durationPattern.exec(text) ?? []
  return Number(count) * durationUnits[unit as keyof typeof durationUnits]
}

function bytes(text: string): number {
  const [, count, unit] = sizePattern.exec(text) ?? []
  return Number(count) * sizeUnits[unit as keyof typeof sizeUnits]
}

/** `COUNT/PERIOD`; the period in milliseconds. */
export interface Rate {
  readonly count: number
  readonly period: number
}

function rateOf(text: string): Rate {
  const [, count, period = ''] = ratePattern.exec(text) ?? []
  return { count: Number(count), period: milliseconds(/^\d/.test(period) ? period : `1${period}`) }
}

// Bounds are checked as `!(value < least)`: NaN, which a malformed text gives, has been complained about already.
const durationHint = 'must be a duration such as 250ms, 30s, 5m or 1h'
const sizeHint = 'must be a size such as 64KiB or 1MiB'
const speedHint = 'must be bytes per second such as 500B/s or 64KiB/s'
const rateHint = 'must be a rate such as 100/min or 5/10s'

/**
 * Schema of a duration; its output is a number of milliseconds within `min` and `max` (also written as durations).
 * Without a `max` it ends at 100 years, where sums with a clock are still exact.
 */
export function duration({ min = '0ms', max = '36500d' }: { min?: string; max?: string } = {}) {
  return z
    .string(durationHint)
    .regex(durationPattern, durationHint)
    .refine((text) => !(milliseconds(text) < milliseconds(min)), `must be at least ${min}`)
    .refine((text) => !(milliseconds(text) > milliseconds(max)), `must be at most ${max}`)
    .transform(milliseconds)
}

/** Schema of a size; its output is a number of bytes. */
export function size() {
  return z
    .string(sizeHint)
    .regex(sizePattern, sizeHint)
    .refine((text) => !(bytes(text) > Number.MAX_SAFE_INTEGER), 'is too large to be counted')
    .transform(bytes)
}

/** Schema of a speed such as `64KiB/s`; its output is a number of bytes per second, at least one. */
export function speed() {
  const amount = (text: string) => bytes(text.slice(0, -'/s'.length))
  return z
    .string(speedHint)
    .regex(speedPattern, speedHint)
    .refine((text) => !(amount(text) < 1), 'must be at least 1B/s')
    .refine((text) => !(amount(text) > Number.MAX_SAFE_INTEGER), 'is too large to be counted')
    .transform(amount)
}

/** Schema of a rate such as `100/min` or `5/10s`; its period is at least one second and at most a year. */
export function rate() {
  return z
    .string(rateHint)
    .regex(ratePattern, rateHint)
    .refine((text) => !(rateOf(text).period < 1000), 'must have a period of at least 1s')
    .refine((text) => !(rateOf(text).period > milliseconds('366d')), 'must have a period of at most 366d')
    .transform(rateOf)
}
