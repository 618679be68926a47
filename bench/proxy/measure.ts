/**
 * Measuring: how much a process works per request, how long clients wait, and what is held in memory.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const TICKS = 100 // USER_HZ of proc(5), the same on every Linux

/** Runs a command on one core, where the system lets us choose. */
export type Pinned = (core: 0 | 1, command: readonly [string, ...string[]]) => readonly [string, ...string[]]

/** Processor time of a process with all its threads, in microseconds. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1e6
}

/** Memory of a process in MiB: held now, and at most so far. */
export function memory(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: of('VmRSS'), peak: of('VmHWM') }
}

export interface Request {
  readonly url: string
  readonly token: string
}

export interface Load {
  /** Requests per second. */
  readonly rate: number
  /** Microseconds of processor time that the process spent on a request. */
  readonly cpu: number
}

/** As many requests as 64 connections can carry. @throws Error when one of them is not answered with 2xx */
export async function load(pid: number, { url, token }: Request, seconds: number, pinned: Pinned): Promise<Load> {
  const args = ['-t1', '-c64', `-d${seconds}s`, '-H', `Authorization: Bearer ${token}`, url]
  const [program, ...rest] = pinned(1, ['wrk', ...args])
  const before = processorTime(pid)
  const { stdout } = await run(program, rest)
  const spent = processorTime(pid) - before
  const [, requests, took] = /(\d+) requests in ([\d.]+)s/.exec(stdout) ?? []
  if (requests === undefined || /Non-2xx|Socket errors/.test(stdout))
    throw new Error(`not every answer was good\n${stdout}`)
  return { rate: Number(requests) / Number(took), cpu: spent / Number(requests) }
}

export interface Waits {
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
}

/** How long clients wait at a thousand requests per second (`pace.ts`). */
export async function waits({ url, token }: Request, seconds: number, pinned: Pinned): Promise<Waits> {
  const pace = join(import.meta.dirname, 'pace.ts')
  const [program, ...rest] = pinned(1, [process.execPath, pace, url, token, String(seconds)])
  const { stdout } = await run(program, rest, { maxBuffer: 64 * 1024 * 1024, timeout: (seconds + 5) * 1000 })
  const sorted = (JSON.parse(stdout) as number[]).sort((one, other) => one - other)
  const at = (share: number) => sorted[Math.floor(share * sorted.length)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}
