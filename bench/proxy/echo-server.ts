/**
 * The WebSocket service behind the proxies: sends every message back.
 *
 *     node bench/proxy/echo-server.ts PORT
 *
 * @module
 */
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), perMessageDeflate: false })
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.on('error', () => undefined)
})
