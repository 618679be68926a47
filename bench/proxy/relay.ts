/**
 * The yardstick: what undici and node:http cost by themselves, without a gateway between them.
 *
 * It forwards what it gets and decides nothing. Its code stays as it is, so that figures of different days compare.
 *
 *     node bench/proxy/relay.ts PORT UPSTREAM_ORIGIN
 *
 * @module
 */
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port = '0', origin = 'http://127.0.0.1:1'] = process.argv.slice(2)
const pool = new Pool(origin, { connections: 256, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
const own = new Set(['connection', 'keep-alive', 'transfer-encoding'])

createServer((req, res) => {
  const headers: string[] = []
  for (let index = 0; index < req.rawHeaders.length; index += 2) {
    const name = req.rawHeaders[index] ?? ''
    if (!own.has(name.toLowerCase())) headers.push(name, req.rawHeaders[index + 1] ?? '')
  }
  pool.dispatch(
    { method: 'GET', path: req.url ?? '/', headers },
    {
      onRequestStart: () => {},
      onResponseStart(_controller, status, fields) {
        const going: (string | string[])[] = []
        for (const name in fields) if (!own.has(name)) going.push(name, fields[name] ?? '')
        res.writeHead(status, going)
      },
      onResponseData: (_controller, chunk) => void res.write(chunk),
      onResponseEnd: () => void res.end(),
      onResponseError: () => void res.destroy(),
    },
  )
}).listen(Number(port), '127.0.0.1')
