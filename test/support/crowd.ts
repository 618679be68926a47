/**
 * A crowd: thousands of connections, opened a hundred at a time.
 *
 * @module
 */
import { connect, type Socket } from 'node:net'

const AT_ONCE = 100

/** What became of one connection. */
export interface Member {
  readonly socket: Socket
  /** Status of its first answer; 0 when it was closed without one. */
  readonly status: number
  /** Milliseconds from the attempt to connect to the answer, or to the close. */
  readonly ms: number
}

export interface Crowd {
  readonly members: readonly Member[]
  /** How many connections are open now. */
  open(): number
  end(): Promise<void>
}

/**
 * Opens connections that send one request each, and stay open behind its answer.
 *
 * @param request exact bytes
 */
export async function gather(port: number, count: number, request: string): Promise<Crowd> {
  const members: Member[] = []
  while (members.length < count) {
    const size = Math.min(AT_ONCE, count - members.length)
    members.push(...(await Promise.all(Array.from({ length: size }, () => join(port, request)))))
  }
  return {
    members,
    open: () => members.filter(({ socket }) => !socket.destroyed).length,
    async end() {
      for (const { socket } of members) socket.destroy()
    },
  }
}

function join(port: number, request: string): Promise<Member> {
  const began = performance.now()
  const { promise, resolve } = Promise.withResolvers<Member>()
  const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request))
  const settle = (status: number) => resolve({ socket, status, ms: performance.now() - began })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => settle(0))
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk) => settle(Number(chunk.toString('latin1', 9, 12))))
  return promise
}
