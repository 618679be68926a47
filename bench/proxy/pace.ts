/**
 * A thousand requests per second, one each millisecond, whether or not earlier ones have been answered:
 * a slow answer delays no later request and hides no wait. Prints every wait in microseconds, as JSON.
 *
 *     node bench/proxy/pace.ts URL TOKEN SECONDS
 *
 * @module
 */
import { connect, type Socket } from 'node:net'

const CONNECTIONS = 16 // kept open; more are opened when all are busy
const WARM_UP = 500 // requests that are not counted

const [url = '', token = '', seconds = '1'] = process.argv.slice(2)
const { hostname, port, host, pathname, search } = new URL(url)
const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`
const total = Number(seconds) * 1000 + WARM_UP

const idle: Socket[] = []
const waits: number[] = []
let sent = 0

function open(): Socket {
  return connect({ host: hostname, port: Number(port), noDelay: true })
}

function send(): void {
  const socket = idle.pop() ?? open()
  const began = performance.now()
  socket.write(request)
  socket.once('data', (answer: Buffer) => {
    waits.push((performance.now() - began) * 1000)
    if (!answer.includes('HTTP/1.1 200') || !answer.includes('"memory"}')) throw new Error(answer.toString())
    idle.push(socket)
    if (waits.length === total) end()
  })
}

function end(): void {
  process.stdout.write(JSON.stringify(waits.slice(WARM_UP)), () => process.exit())
}

for (let index = 0; index < CONNECTIONS; index += 1) idle.push(open())
const start = performance.now()
const timer = setInterval(() => {
  const due = Math.min(total, Math.floor(performance.now() - start))
  while (sent < due) {
    sent += 1
    send()
  }
  if (sent === total) clearInterval(timer)
}, 1)
