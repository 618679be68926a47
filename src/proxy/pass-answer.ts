/**
 * An ordinary answer to an upgrade request, passed on to a connection that node:http has already let go of.
 *
 * @module
 */
import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'

import type { ForwardPlan } from './call.ts'
import { answerFields, isEventStream } from './response-fields.ts'
import { Watch } from './watch.ts'

/** Where the answer goes. */
export interface Recipient {
  readonly req: IncomingMessage
  readonly socket: Socket
  readonly plan: ForwardPlan
}

/** Passes the answer on, with backpressure, and closes both connections; `done` hears of an answer that broke off. */
export function passAnswer(
  answer: IncomingMessage,
  { req, socket, plan }: Recipient,
  done: (error?: Error) => void,
): void {
  const status = answer.statusCode ?? 502
  if (status === 204) delete answer.headers['content-length'] // RFC 9110 §8.6
  const res = new ServerResponse(req)
  const watch = new Watch(Infinity, () => answer.destroy(new Error('the answer paused for too long')))
  const onDrain = () => res.emit('drain')
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  res.writeHead(status, answerFields(answer.headers, plan))
  res.flushHeaders()
  socket.on('drain', onDrain)
  if (!isEventStream(answer.headers)) watch.limit(plan.upstream.timeout.idle)
  answer.on('data', () => watch.moved())
  pipeline(answer, res, (error) => {
    watch.stop()
    socket.off('drain', onDrain)
    if (error !== null && error !== undefined) {
      done(error)
      return
    }
    res.detachSocket(socket)
    socket.destroySoon()
    done()
  })
}
