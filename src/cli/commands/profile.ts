/**
 * `heimdall profile`.
 *
 * @module
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { text as bodyOf } from 'node:stream/consumers'

import { request } from '#http/node-http.ts'
import { errorText } from '#telemetry/error-text.ts'

import { text, type Call, type Command, type Io } from '../command.ts'
import { cpuHotSpots, heapHotSpots, type HotSpots } from '../profile/hot-spots.ts'

const USAGE = 2
const SHOWN = 25
const PATIENCE = 15 // seconds that a busy gateway may take besides

export const profile: Command = {
  name: 'profile',
  summary: 'Asks a running gateway where its time goes, or with --heap what allocates its memory.',
  usage: '[--seconds N] [--heap] [--admin HOST:PORT] [--out FILE]',
  about: [
    'Prints the functions that cost most by themselves, and writes the whole as a file that the developer tools of Chrome',
    'and VS Code open. It samples the process as it serves, a thousand times a second, or at every 32 kB allocated.',
    'Profiles hold names of functions and files, no credentials and no requests; snapshots of memory would, and are not offered.',
    'Needs the admin listener, which is off unless the file says `admin: 127.0.0.1:9090`; it is read at the start.',
  ].join('\n'),
  options: {
    seconds: { type: 'string' },
    heap: { type: 'boolean' },
    admin: { type: 'string' },
    out: { type: 'string', short: 'o' },
  },
  describe: {
    seconds: 'how long, from 1 to 60; 10 unless told otherwise',
    heap: 'what allocates memory, also what was collected since',
    admin: 'the admin listener; HEIMDALL_ADMIN or 127.0.0.1:9090 unless told otherwise',
    out: 'the file; heimdall.cpuprofile or heimdall.heapprofile unless told otherwise',
  },
  examples: [
    'npm run -s heimdall -- profile',
    'npm run -s heimdall -- profile --seconds 30 --out busy.cpuprofile',
    'npm run -s heimdall -- profile --heap --admin 127.0.0.1:9090',
  ],
  async run(call, io) {
    const seconds = text(call, 'seconds') ?? '10'
    if (!/^\d+$/.test(seconds)) {
      io.err('heimdall profile: --seconds takes a whole number from 1 to 60')
      return USAGE
    }
    const kind = call.values['heap'] === true ? 'heap' : 'cpu'
    const { url, at } = pageOf(call, io, `kind=${kind}&seconds=${seconds}`)
    try {
      const { status, body } = await ask(url, Number(seconds))
      if (status !== 200) return refused(io, at, body)
      const file = text(call, 'out') ?? `heimdall.${kind}profile`
      writeFileSync(file, body)
      const spots = kind === 'cpu' ? cpuHotSpots(JSON.parse(body)) : heapHotSpots(JSON.parse(body))
      for (const line of kind === 'cpu' ? cpuTable(spots) : heapTable(spots)) io.out(line)
      io.err(`wrote ${file}`)
      return 0
    } catch (error) {
      return refused(io, at, errorText(error))
    }
  },
}

function pageOf(call: Call, { env }: Io, query: string): { url: string; at: string } {
  const at = text(call, 'admin') ?? env['HEIMDALL_ADMIN'] ?? '127.0.0.1:9090'
  return { url: `http://${at.includes(':') ? at : `127.0.0.1:${at}`}/profile?${query}`, at }
}

async function ask(url: string, seconds: number): Promise<{ status: number | undefined; body: string }> {
  const signal = AbortSignal.timeout((seconds + PATIENCE) * 1000)
  const asked = request(url, { method: 'POST', signal }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, body: await bodyOf(answer) }
}

function refused(io: Io, at: string, reason: string): number {
  io.err(`heimdall profile: ${reason.trimEnd()}`)
  if (/ECONNREFUSED/.test(reason))
    io.err(
      `Nothing listens on ${at}. The admin listener is off unless the file says \`admin: ${at}\`, and it is read at the start.`,
    )
  return 1
}

function cpuTable({ spots, total, idle }: HotSpots): string[] {
  const ms = (micros: number) => `${(micros / 1000).toFixed(0)} ms`
  const busy = (100 * total) / Math.max(1, total + idle)
  return [
    `busy ${ms(total)}, idle ${ms(idle)}: ${busy.toFixed(1)} % of one core`,
    ...table(spots, total, ['SHARE', 'OWN TIME'], ms),
  ]
}

function heapTable({ spots, total }: HotSpots): string[] {
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`
  return [`allocated ${kilobytes(total)}`, ...table(spots, total, ['SHARE', 'ALLOCATED'], kilobytes)]
}

function table(
  spots: HotSpots['spots'],
  total: number,
  heads: readonly [string, string],
  shown: (own: number) => string,
): string[] {
  const row = (share: string, own: string, where: string) => `${share.padStart(7)}  ${own.padStart(10)}  ${where}`
  return [
    '',
    row(...heads, 'FUNCTION'),
    ...spots
      .slice(0, SHOWN)
      .map(({ name, place, own }) =>
        row(`${((100 * own) / total).toFixed(1)} %`, shown(own), `${name}  ${place}`.trimEnd()),
      ),
  ]
}
