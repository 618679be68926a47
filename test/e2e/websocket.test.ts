/**
 * WebSockets through the gateway: decided on as every request, then a tunnel. Their end at SIGTERM is with `drain.test.ts`.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { before, suite, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'

import { upsertUser } from '#stores/writes.ts'

import { serve, type LogLine, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { storeDirectory } from '../support/stored-directory.ts'

const POLICY = 1008 // RFC 6455 §7.4.1: ended for what it may

interface Echo {
  readonly url: string
  /** Handshakes that arrived, and the connections that came of them. */
  readonly handshakes: IncomingMessage[]
  readonly sockets: WebSocket[]
  close(): Promise<void>
}

/** A service that sends every message back; `/refuse/STATUS` is answered with that status instead. */
async function startEcho(): Promise<Echo> {
  const server = createServer((_, response) => response.end('no WebSocket'))
  const handshakes: IncomingMessage[] = []
  const sockets: WebSocket[] = []
  const accept = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false),
  })
  server.on('upgrade', (request, socket, head) => {
    handshakes.push(request)
    const [, status] = /^\/refuse\/(\d{3})$/.exec(request.url ?? '') ?? []
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\nX-Reason: full\r\nContent-Length: 8\r\nConnection: close\r\n\r\nnot here`)
      return
    }
    accept.handleUpgrade(request, socket, head, (opened) => {
      sockets.push(opened)
      opened.on('message', (data, binary) => opened.send(data, { binary }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    handshakes,
    sockets,
    async close() {
      for (const socket of sockets) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Headers = Readonly<Record<string, string>>

function dial(gateway: TestGateway, path: string, headers: Headers, protocols: string[] = []): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, protocols, { headers })
  socket.on('error', () => {})
  return socket
}

/** Opens a WebSocket; fails when it is refused. */
async function open(gateway: TestGateway, path: string, headers: Headers = {}, protocols?: string[]) {
  const socket = dial(gateway, path, headers, protocols)
  const answer = once(socket, 'unexpected-response') as Promise<[unknown, IncomingMessage]>
  const refused = answer.then(([, { statusCode }]) => assert.fail(`${path} was refused with ${statusCode}`))
  await Promise.race([once(socket, 'open'), refused])
  return socket
}

interface Refusal {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly code: string | undefined
}

/** Asks for a WebSocket and expects another answer than 101. */
async function refusal(gateway: TestGateway, path: string, headers: Headers = {}): Promise<Refusal> {
  const socket = dial(gateway, path, headers)
  const opened = once(socket, 'open').then(() => assert.fail(`${path} was let through`))
  const answer = once(socket, 'unexpected-response') as Promise<[unknown, IncomingMessage]>
  const [, response] = await Promise.race([answer, opened])
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  socket.terminate()
  const ours = response.headers['content-type'] === 'application/problem+json'
  const code = ours ? (JSON.parse(text) as { code: string }).code : undefined
  return { status: response.statusCode, headers: response.headers, text, code }
}

async function echoed(socket: WebSocket, message: string | Buffer): Promise<{ data: Buffer; binary: boolean }> {
  const next = once(socket, 'message') as Promise<[Buffer, boolean]>
  socket.send(message)
  const [data, binary] = await next
  return { data, binary }
}

/** Milliseconds until the end, and its code. */
async function endOf(socket: WebSocket): Promise<{ code: number; took: number }> {
  const began = performance.now()
  const [code] = (await once(socket, 'close', { signal: AbortSignal.timeout(10_000) })) as [number]
  return { code, took: performance.now() - began }
}

suite('WebSocket', () => {
  const keep = keeper()
  let echo: Echo
  let issuer: TestIssuer
  let gateway: TestGateway
  const file = (more = '') => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 1s
upstreams: { echo: "${echo.url}" }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
defaults: { upstream: echo, authenticate: [id] }
routes:
  - { name: chat, path: /chat }
  - { name: open, path: /open, public: true }
  - { name: staff, path: /staff, require: { roles: [staff] } }
  - { name: plain, path: /plain, public: true, websocket: false }
  - { name: limited, path: /limited, limits: [{ allow: 2/min, by: subject }] }
  - { name: refusing, path: "/refuse/{status}", public: true }
${more}`

  before(async () => {
    echo = keep(await startEcho())
    issuer = keep(await startIssuer())
    gateway = keep(await serve(file()))
    await eventually('the keys are there', async () => {
      const socket = dial(gateway, '/chat', issuer.as('alice'))
      const [event] = await Promise.race([once(socket, 'open').then(() => ['open']), once(socket, 'error')])
      socket.terminate()
      return event === 'open'
    })
  })

  const tunnels = async () => sample(await gateway.metrics(), 'heimdall_tunnels_open')
  const closedBy = async (reason: string) =>
    sample(await gateway.metrics(), 'heimdall_tunnels_closed_total', { reason })
  const lineOf = (matches: (line: LogLine) => boolean) =>
    gateway.line((line) => line['msg'] === 'request' && matches(line))

  test('carries text, binary and large messages both ways, with the subprotocol that the service chose', async () => {
    const socket = await open(gateway, '/chat', issuer.as('alice'), ['chat.v1', 'chat.v2'])
    assert.equal(socket.protocol, 'chat.v2')
    assert.deepEqual(await echoed(socket, 'grüße'), { data: Buffer.from('grüße'), binary: false })
    assert.deepEqual(await echoed(socket, Buffer.from([0, 255, 13, 10])), {
      data: Buffer.from([0, 255, 13, 10]),
      binary: true,
    })
    const large = Buffer.alloc(5 * 1024 * 1024, 'heimdall')
    assert.ok((await echoed(socket, large)).data.equals(large))
    const other = echo.sockets.at(-1)
    assert.ok(other)
    const told = once(socket, 'message')
    other.send('unasked')
    assert.equal(String((await told)[0]), 'unasked')
    socket.close(4000, 'enough')
    const [code, reason] = (await once(other, 'close')) as [number, Buffer]
    assert.deepEqual([code, String(reason)], [4000, 'enough'])
  })

  test('tells the service in the handshake who asks, and nothing that the client made up', async () => {
    const socket = await open(gateway, '/chat?room=1', {
      ...issuer.as('alice'),
      'X-Heimdall-Subject': 'root',
      x_heimdall_roles: 'admin',
      'X-Forwarded-For': '203.0.113.9',
      'X-Kept': 'yes',
    })
    socket.terminate()
    const { url, headers } = echo.handshakes.at(-1) ?? {}
    assert.equal(url, '/chat?room=1')
    assert.equal(headers?.['x-heimdall-subject'], 'alice')
    assert.equal(headers?.['x-heimdall-issuer'], issuer.name)
    assert.equal(headers?.['x-heimdall-authenticator'], 'id')
    assert.equal(headers?.['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers?.['x-kept'], 'yes')
    for (const name of ['authorization', 'x-heimdall-roles', 'x_heimdall_roles'])
      assert.equal(headers?.[name], undefined)
    const line = await lineOf(({ request_id }) => request_id === headers?.['x-request-id'])
    assert.equal(line['path'], '/chat')
  })

  test('refuses before anything reaches the service: 401, 403, 404, and 400 where the file says no', async () => {
    const seen = echo.handshakes.length
    const nobody = await refusal(gateway, '/chat')
    assert.deepEqual([nobody.status, nobody.code], [401, 'no_credentials'])
    assert.match(nobody.headers['www-authenticate'] ?? '', /^Bearer/)
    assert.equal(nobody.headers.connection, 'close')
    const broken = await refusal(gateway, '/chat', { Authorization: 'Bearer a.b.c' })
    assert.deepEqual([broken.status, broken.code], [401, 'invalid_token'])
    const alice = await refusal(gateway, '/staff', issuer.as('alice'))
    assert.deepEqual([alice.status, alice.code], [403, 'permission_denied'])
    const nowhere = await refusal(gateway, '/nowhere', issuer.as('alice'))
    assert.deepEqual([nowhere.status, nowhere.code], [404, 'route_unknown'])
    const plain = await refusal(gateway, '/plain')
    assert.deepEqual([plain.status, plain.code], [400, 'upgrade_invalid'])
    assert.equal(echo.handshakes.length, seen)
    for (const { headers, code } of [nobody, broken, alice, nowhere, plain]) {
      const line = await lineOf(({ request_id }) => request_id === headers['x-request-id'])
      assert.equal(line['outcome'], code)
    }
  })

  test('lets in who has the role', async () => {
    const socket = await open(gateway, '/staff', issuer.as('bob', { roles: ['staff'] }))
    assert.equal(String((await echoed(socket, 'hi')).data), 'hi')
    socket.terminate()
  })

  test('counts a handshake as one request of its limit, however much is said in it', async () => {
    const carol = issuer.as('carol')
    const first = await open(gateway, '/limited', carol)
    for (const word of ['one', 'two', 'three']) await echoed(first, word)
    const second = await open(gateway, '/limited', carol)
    const third = await refusal(gateway, '/limited', carol)
    assert.deepEqual([third.status, third.code], [429, 'rate_limited'])
    assert.match(third.headers['retry-after'] ?? '', /^\d+$/)
    for (const socket of [first, second]) socket.terminate()
  })

  test('passes on what a service answers instead of 101', async () => {
    for (const status of [403, 426]) {
      const answer = await refusal(gateway, `/refuse/${status}`)
      assert.deepEqual([answer.status, answer.text, answer.headers['x-reason']], [status, 'not here', 'full'])
      assert.equal(answer.code, undefined)
    }
  })

  test('ends a tunnel with the token that opened it', async () => {
    const before = await closedBy('expired')
    const exp = Math.floor(Date.now() / 1000) + 2
    const socket = await open(gateway, '/chat', issuer.as('alice', { exp }))
    assert.equal(String((await echoed(socket, 'still good')).data), 'still good')
    const { code } = await endOf(socket)
    const late = Date.now() - exp * 1000
    assert.ok(late >= 0 && late < 1500, `${late} ms after its token`)
    assert.equal(code, POLICY)
    await eventually('the service is told', () => echo.sockets.at(-1)?.readyState === WebSocket.CLOSED)
    assert.equal(await closedBy('expired'), before + 1)
  })

  test('ends one side when the other is gone', async () => {
    const open0 = await tunnels()
    const first = await open(gateway, '/open')
    const ended = endOf(first)
    echo.sockets.at(-1)?.terminate()
    assert.ok((await ended).took < 500)
    const second = await open(gateway, '/open')
    assert.equal(await tunnels(), open0 + 1)
    second.terminate()
    await eventually('the service is told', () => echo.sockets.at(-1)?.readyState === WebSocket.CLOSED, 500)
    await eventually('no tunnel is left over', async () => (await tunnels()) === open0)
    assert.ok((await closedBy('client')) > 0)
    assert.ok((await closedBy('upstream')) > 0)
  })

  test('keeps tunnels through a reload, and decides on new ones by the new file', async () => {
    const socket = await open(gateway, '/chat', issuer.as('alice'))
    const id = echo.handshakes.at(-1)?.headers['x-request-id']
    const generation = async () => sample(await gateway.metrics(), 'heimdall_config_generation')
    const before = await generation()
    gateway.rewrite(file().replace('{ name: chat, path: /chat }', '{ name: chat, path: /chat, websocket: false }'))
    await eventually('the new file', async () => (await generation()) > before)
    assert.equal((await refusal(gateway, '/chat', issuer.as('alice'))).code, 'upgrade_invalid')
    assert.equal(String((await echoed(socket, 'still here')).data), 'still here')
    socket.close(1000)
    const { route, status, outcome, subject, bytes, target } = await lineOf(({ request_id }) => request_id === id)
    assert.deepEqual([route, status, outcome, subject], ['chat', 101, 'pass', 'alice'])
    assert.ok(Number(bytes) > 0)
    assert.equal(target, echo.url)
  })
})

suite('WebSocket with a session cookie', { skip: noPostgres }, () => {
  const keep = keeper()

  test('is opened only by pages of this host or of a listed origin', async () => {
    const echo = keep(await startEcho())
    const postgres = keep(await startPostgres())
    const directory = keep(await storeDirectory(postgres.url))
    await upsertUser(directory.db, { id: 'alice' })
    const { value } = await directory.session('alice')
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 1s
stores: { postgres: "${directory.url}" }
upstreams: { echo: "${echo.url}" }
authenticators:
  login: { session: { cookie: shop_session } }
defaults: { upstream: echo, authenticate: [login] }
routes:
  - { path: /own }
  - { path: /listed, cors: { origins: ["https://app.test"], credentials: true } }
`),
    )
    const cookie = { Cookie: `theme=dark; shop_session=${value}` }
    const denied = async (path: string, headers: Headers) => {
      const { status, code } = await refusal(gateway, path, headers)
      assert.deepEqual([status, code], [403, 'origin_denied'], JSON.stringify(headers))
    }
    await denied('/own', cookie)
    await denied('/own', { ...cookie, Origin: 'https://evil.test' })
    await denied('/own', { ...cookie, Origin: 'https://app.test' })
    await denied('/own', { ...cookie, Origin: 'null' })
    await denied('/own', { ...cookie, Origin: `http://127.0.0.1:${gateway.port + 1}` })
    await denied('/listed', { ...cookie, Origin: 'https://app.test.evil.test' })
    assert.equal(echo.handshakes.length, 0)

    const pages = { '/own': `http://127.0.0.1:${gateway.port}`, '/listed': 'https://app.test' }
    for (const [path, Origin] of Object.entries(pages)) {
      const socket = await open(gateway, path, { ...cookie, Origin })
      assert.equal(String((await echoed(socket, 'hi')).data), 'hi')
      const { headers } = echo.handshakes.at(-1) ?? {}
      assert.equal(headers?.['x-heimdall-subject'], 'alice')
      assert.equal(headers?.cookie, 'theme=dark')
      socket.terminate()
    }
    const program = await open(gateway, '/own', { Authorization: `Bearer ${value}` })
    assert.equal(String((await echoed(program, 'hi')).data), 'hi')
    program.terminate()
  })
})
