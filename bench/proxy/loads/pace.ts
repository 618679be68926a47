/**
 * Open-loop load: requests are due at fixed moments, whether or not earlier ones have been answered.
 *
 * A request that finds no free connection stands in line, and one that is never answered counts until the end;
 * each waits from the moment it was *due*, so that nothing is left out because something before it was slow.
 * What the generator itself is late counts as well, at every candidate alike. Up to 5,000 requests a second are due
 * one by one, above that several at once, every 250 µs. Prints exact percentiles in microseconds, as JSON.
 *
 *     node bench/proxy/loads/pace.ts URL AUTHORIZATION SECONDS RATE STATUS
 *
 * @module
 */
import { Worker } from 'node:worker_threads'

import { percentile } from '../../statistics.ts'
import { openConnection, type Connection } from './connection.ts'
import type { Beat } from './tick.ts'

const CONNECTIONS = 64 // open from the beginning
const MOST = 512
const PATIENCE = 2000 // milliseconds after the last request
const WARM_UP = 0.5 // seconds that do not count

const [url = '', authorization = '', seconds = '1', rate = '1000', expected = '200'] = process.argv.slice(2)
const { hostname, port, host, pathname, search } = new URL(url)
const credential = authorization === '' ? '' : `Authorization: ${authorization}\r\n`
const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${credential}\r\n`

const atOnce = Number(rate) <= 5000 ? 1 : Math.ceil(Number(rate) / 4000)
const period = (1e9 * atOnce) / Number(rate)
const ticks = Math.round(((Number(seconds) + WARM_UP) * Number(rate)) / atOnce)
const counted = Math.round((WARM_UP * Number(rate)) / atOnce) * atOnce
const total = ticks * atOnce

const now = () => Number(process.hrtime.bigint())
const start = now() + 300e6 // when the connections are there
const due = (turn: number) => start + Math.floor(turn / atOnce) * period

interface Carrier {
  readonly connection: Connection
  turn: number
}

const waits = new Float64Array(total).fill(-1)
const idle: Carrier[] = []
const line: number[] = []
let [front, carriers, answered, failed] = [0, 0, 0, 0]

function open(): Carrier {
  carriers += 1
  const connection = openConnection({ host: hostname, port: Number(port) }, (status) => note(carrier, status))
  const carrier = { connection, turn: 0 }
  return carrier
}

function send(carrier: Carrier, turn: number): void {
  carrier.turn = turn
  carrier.connection.send(request)
}

function note(carrier: Carrier, status: number): void {
  if (status === Number(expected)) waits[carrier.turn] = (now() - due(carrier.turn)) / 1000
  else failed += 1
  answered += 1
  if (status === 0) carriers -= 1
  else if (front < line.length) send(carrier, line[front++] ?? 0)
  else idle.push(carrier)
  if (answered === total) end()
}

function ask(turn: number): void {
  const carrier = idle.pop() ?? (carriers < MOST ? open() : undefined)
  if (carrier === undefined) line.push(turn)
  else send(carrier, turn)
}

/** What was refused or never answered counts as waiting until now. */
function end(): void {
  const all = waits
    .map((wait, turn) => (wait < 0 ? (now() - due(turn)) / 1000 : wait))
    .subarray(counted)
    .sort()
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => percentile(all, share))
  const report = { p50, p99, p999, most: all.at(-1), answered: answered / total, failed }
  process.stdout.write(JSON.stringify(report), () => process.exit())
}

for (let index = 0; index < CONNECTIONS; index += 1) idle.push(open())
const beat: Beat = { start, period, ticks }
const clock = new Worker(new URL('tick.ts', import.meta.url), { workerData: beat })
clock.on('message', (tick: number) => {
  for (let index = 0; index < atOnce; index += 1) ask(tick * atOnce + index)
  if (tick === ticks - 1) setTimeout(end, PATIENCE)
})
