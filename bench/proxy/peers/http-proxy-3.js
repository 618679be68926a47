/*
 * http-proxy-3 as its manual sets it up, with connections to the service kept.
 *
 *     node http-proxy-3.js PORT UPSTREAM_ORIGIN
 */
import { Agent, createServer } from 'node:http'

import httpProxy from 'http-proxy-3'

const [port, target] = process.argv.slice(2)
const proxy = httpProxy.createProxyServer({ target, ws: true, agent: new Agent({ keepAlive: true, maxSockets: 256 }) })
proxy.on('error', (error, request, response) => response?.destroy?.())
const server = createServer((request, response) => proxy.web(request, response))
server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head))
server.listen(Number(port), '127.0.0.1')
