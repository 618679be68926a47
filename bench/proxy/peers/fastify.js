/*
 * @fastify/http-proxy as its manual sets it up.
 *
 *     node http-proxy.js PORT UPSTREAM_ORIGIN
 */
import proxy from '@fastify/http-proxy'
import Fastify from 'fastify'

const [port, upstream] = process.argv.slice(2)
const server = Fastify()
await server.register(proxy, { upstream, undici: { connections: 256, pipelining: 1 } })
await server.listen({ port: Number(port), host: '127.0.0.1' })
