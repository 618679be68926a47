/**
 * WebSocket load: every connection sends a message, waits until it comes back, and sends the next.
 * Prints the count and the seconds, as JSON.
 *
 *     node bench/proxy/loads/echo.ts URL AUTHORIZATION SECONDS CONNECTIONS
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'

const SIZE = 64 // bytes of a message

const [url = '', authorization = '', seconds = '1', connections = '64'] = process.argv.slice(2)
const { hostname, port, host, pathname } = new URL(url)
const hello = [
  `GET ${pathname} HTTP/1.1`,
  `Host: ${host}`,
  `Authorization: ${authorization}`,
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
  '\r\n',
].join('\r\n')

/** A text frame of a client (RFC 6455 §5.2), masked with zeros. */
const frame = Buffer.concat([Buffer.from([0x81, 0x80 | SIZE, 0, 0, 0, 0]), Buffer.alloc(SIZE, 'x')])
const ECHO = 2 + SIZE // bytes that come back: no mask

let [messages, joined, began] = [0, 0, 0]

function join(): void {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true }, () => socket.write(hello))
  let [switched, got] = [false, 0]
  socket.on('data', (bytes: Buffer) => {
    if (!switched) {
      if (!bytes.includes('HTTP/1.1 101')) throw new Error(bytes.toString())
      switched = true
      joined += 1
      if (joined === Number(connections)) begin()
      socket.write(frame)
      return
    }
    got += bytes.length
    if (got < ECHO) return
    got -= ECHO
    messages += 1
    socket.write(frame)
  })
  socket.on('close', () => {
    throw new Error('the connection ended')
  })
}

function begin(): void {
  messages = 0
  began = performance.now()
  setTimeout(
    () => {
      const report = { requests: messages, seconds: (performance.now() - began) / 1000 }
      process.stdout.write(JSON.stringify(report), () => process.exit())
    },
    Number(seconds) * 1000,
  )
}

for (let index = 0; index < Number(connections); index += 1) join()
