/**
 * An assault on memory, from a thread of its own: clients with large heads that hold what they have for as long as they can.
 *
 * @module
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** `wait`: for an answer that does not come. `send`: a body that nobody takes. `ignore`: an answer of theirs. `head`: it never ends. */
export type Way = 'wait' | 'send' | 'ignore' | 'head'

export interface AssaultOptions {
  readonly port: number
  readonly way: Way
  readonly clients: number
  /** Milliseconds. */
  readonly long: number
}

export interface Assaulted {
  /** How often each status was answered. */
  readonly answers: Readonly<Record<string, number>>
  /** Connections that broke, refused ones included. */
  readonly broken: number
}

const HEAD = `Host: a.test\r\nX-Large: ${'x'.repeat(14_000)}`
const BODY = Buffer.alloc(64 * 1024, 'x')
const PAUSE = 200 // milliseconds until somebody who was refused comes again
const A_TICK = 100 // connections that are opened every 10 ms

const requests: Readonly<Record<Way, string>> = {
  wait: `GET /held HTTP/1.1\r\n${HEAD}\r\n\r\n`,
  send: `POST /held HTTP/1.1\r\n${HEAD}\r\nContent-Length: 1000000000\r\n\r\n`,
  ignore: `GET /large HTTP/1.1\r\n${HEAD}\r\n\r\n`,
  head: `GET /held HTTP/1.1\r\n${HEAD}`,
}

/** Assaults a gateway; resolves when it is over. */
export async function assault(options: AssaultOptions): Promise<Assaulted> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  const [assaulted] = (await once(worker, 'message')) as [Assaulted]
  await worker.terminate()
  return assaulted
}

function run({ port, way, clients, long }: AssaultOptions): Promise<Assaulted> {
  const answers: Record<string, number> = {}
  let [broken, begun, over] = [0, 0, false]

  const join = () => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => (broken += 1))
    socket.on('close', () => {
      if (!over) setTimeout(join, PAUSE)
    })
    socket.once('data', (chunk) => {
      const status = chunk.toString('latin1', 9, 12)
      answers[status] = (answers[status] ?? 0) + 1
      if (status === '200') socket.pause()
    })
    socket.on('connect', () => {
      socket.write(requests[way])
      if (way === 'send') pour()
    })
    const pour = () => {
      while (!socket.destroyed && socket.write(BODY));
      if (!socket.destroyed) socket.once('drain', pour)
    }
  }
  const timer = setInterval(() => {
    for (let index = 0; index < A_TICK && begun < clients; index += 1, begun += 1) join()
  }, 10)
  const { promise, resolve } = Promise.withResolvers<Assaulted>()
  setTimeout(() => {
    over = true
    clearInterval(timer)
    resolve({ answers, broken })
  }, long)
  return promise
}

if (!isMainThread) void run(workerData as AssaultOptions).then((assaulted) => parentPort?.postMessage(assaulted, []))
