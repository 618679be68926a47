/**
 * Loads: what each kind of traffic is sent by, and what that says.
 *
 * @module
 */
import { join } from 'node:path'

import type { Echo, Headers, Once, Same, Traffic } from './candidate.ts'
import type { Children, Command } from './children.ts'

const LOADS = join(import.meta.dirname, 'loads')
const CONNECTIONS = 64
const SLACK = 30 // seconds that a generator may take beyond its time

/** What was answered, in how many seconds. */
export interface Answered {
  readonly requests: number
  readonly seconds: number
}

const fields = (headers: Headers) => Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])

/** Makes a kind of traffic for some seconds, or until its list is at an end. @throws Error when an answer was not the right one */
export async function send(
  children: Children,
  origin: string,
  traffic: Traffic,
  how: { readonly seconds: number; readonly round: number },
): Promise<Answered> {
  const url = origin + traffic.path
  if (traffic.kind === 'same') return sendSame(children, url, traffic, how.seconds)
  if (traffic.kind === 'echo') return sendEcho(children, url, traffic, how.seconds)
  const file = await traffic.list(how.round)
  const answered = await passOnce(children, { url, header: traffic.header, file })
  if (answered.statuses['200'] === answered.requests) return answered
  throw new Error(`not every answer was 200: ${JSON.stringify(answered)}`)
}

async function sendSame(children: Children, url: string, traffic: Same, seconds: number): Promise<Answered> {
  const { headers, status = 200, post, connections = CONNECTIONS } = traffic
  const script = post === undefined ? [] : ['-s', join(LOADS, 'post.lua')]
  const command: Command = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, ...script, ...fields(headers), url]
  const report = await children.run('load', command, seconds + SLACK)
  const [, requests, took] = /(\d+) requests in ([\d.]+)s/.exec(report) ?? []
  const other = Number(/Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1] ?? 0)
  if (
    Number(requests ?? 0) === 0 ||
    report.includes('Socket errors') ||
    other !== (status < 400 ? 0 : Number(requests))
  )
    throw new Error(`not every answer was ${status}\n${report}`)
  return { requests: Number(requests), seconds: Number(took) }
}

export interface Passed extends Answered {
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>
}

/** Sends each value of a file once. */
export async function passOnce(
  children: Children,
  { url, header, file }: { readonly url: string; readonly header: Once['header']; readonly file: string },
): Promise<Passed> {
  const command: Command = [process.execPath, join(LOADS, 'list.ts'), url, header, file, String(CONNECTIONS)]
  return JSON.parse(await children.run('load', command, SLACK * 4)) as Passed
}

async function sendEcho(children: Children, url: string, { headers }: Echo, seconds: number): Promise<Answered> {
  const args = [url, headers['Authorization'] ?? '', String(seconds), String(CONNECTIONS)]
  const report = await children.run('load', [process.execPath, join(LOADS, 'echo.ts'), ...args], seconds + SLACK)
  return JSON.parse(report) as Answered
}

/** What `pace.ts` says; times in microseconds. */
export interface Paced {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly most: number
  /** Share of the requests that were answered before the end. */
  readonly answered: number
  /** Answers that were not the right one. */
  readonly failed: number
}

/** How long clients wait at a rate that does not depend on the answers. */
export async function pace(
  children: Children,
  origin: string,
  { path, headers, status = 200 }: Same,
  { seconds, rate }: { readonly seconds: number; readonly rate: number },
): Promise<Paced> {
  const args = [origin + path, headers['Authorization'] ?? '', String(seconds), String(rate), String(status)]
  return JSON.parse(
    await children.run('load', [process.execPath, join(LOADS, 'pace.ts'), ...args], seconds + SLACK),
  ) as Paced
}
