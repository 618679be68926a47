/**
 * A server that speaks the protocol of Redis and says whatever the test wants.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface RespServer {
  readonly port: number
  /** Commands so far, as text with spaces. */
  readonly commands: readonly string[]
  stop(): Promise<void>
}

/** A text in the protocol. */
export const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

/**
 * Starts one.
 *
 * @param answer raw answer to a command in lower case, such as `get a`; undefined: `+OK`, and to `info` that it is a server
 */
export async function startRespServer(answer: (command: string) => string | undefined): Promise<RespServer> {
  const commands: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      for (const command of commandsIn(chunk.toString('latin1'))) {
        commands.push(command)
        socket.write(answer(command) ?? (command === 'info' ? bulk('redis_version:7.0.0\r\nloading:0') : '+OK\r\n'))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    commands,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Whole commands only: the clients here write each at once. */
function commandsIn(text: string): string[] {
  return text.split(/(?=\*\d+\r\n\$)/).map((command) =>
    [...command.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)]
      .map(([, word]) => word)
      .join(' ')
      .toLowerCase(),
  )
}
