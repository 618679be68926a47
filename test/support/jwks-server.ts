/**
 * An issuer's key endpoint that behaves, or does not, and counts how often it is asked.
 *
 * @module
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Mode = 'ok' | 'status' | 'silent' | 'drip' | 'huge' | 'redirect' | 'garbage' | 'truncated' | 'reset'

export interface JwksServer {
  readonly origin: string
  /** `origin` and the path of the keys. */
  readonly url: string
  mode: Mode
  keys: unknown[]
  /** Metadata of discovery; answers 404 while undefined. */
  metadata: unknown
  /** Requests for the keys, and for anything else. */
  readonly count: { jwks: number; metadata: number; other: number }
  close(): Promise<void>
}

/** Starts one on loopback. */
export async function startJwksServer(keys: unknown[] = []): Promise<JwksServer> {
  const count = { jwks: 0, metadata: 0, other: 0 }
  const server = createServer((request, response) => {
    if (request.url === '/jwks') {
      count.jwks += 1
      answer(state.mode, { keys: state.keys }, response)
    } else if (request.url?.endsWith('/.well-known/openid-configuration') === true) {
      count.metadata += 1
      if (state.metadata === undefined) response.writeHead(404).end()
      else response.end(JSON.stringify(state.metadata))
    } else {
      count.other += 1
      response.end(JSON.stringify({ keys: state.keys }))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const state: JwksServer = {
    origin,
    url: `${origin}/jwks`,
    mode: 'ok',
    keys,
    metadata: undefined,
    count,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return state
}

function answer(mode: Mode, set: unknown, response: ServerResponse): void {
  const text = JSON.stringify(set)
  switch (mode) {
    case 'ok':
      response.end(text)
      return
    case 'status':
      response.writeHead(500).end(text)
      return
    case 'silent':
      return
    case 'drip':
      drip(text, response)
      return
    case 'huge':
      response.end(JSON.stringify({ padding: 'x'.repeat(300 * 1024), keys: [] }))
      return
    case 'redirect':
      response.writeHead(302, { location: '/elsewhere' }).end()
      return
    case 'garbage':
      response.end('<html>maintenance</html>')
      return
    case 'truncated':
      response.writeHead(200, { 'content-length': text.length + 100 })
      response.write(text, () => response.destroy())
      return
    case 'reset':
      response.destroy()
  }
}

/** A byte now and then: a deadline that every byte renews would never pass. */
function drip(text: string, response: ServerResponse): void {
  let at = 0
  const timer = setInterval(() => {
    response.write(text[at] ?? ' ')
    at += 1
  }, 100)
  response.on('close', () => clearInterval(timer))
}
