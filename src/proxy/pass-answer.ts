/**
 * An ordinary answer to an upgrade request, passed on to a connection that node:http has already let go of.
 *
 * @module
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'

import { ServerResponse } from '#http/node-http.ts'

import type { ForwardPlan } from './call.ts'
import { breakOff } from './endings.ts'
import { takeWithin } from './pace.ts'
import { answerFields, isEventStream, lowered, without } from './response-fields.ts'
import { Watch } from './watch.ts'

/** Where the answer goes. */
export interface Recipient {
  readonly req: IncomingMessage
  readonly socket: Socket
  readonly plan: ForwardPlan
}

/** Why an answer that node:http took for well-formed cannot be passed on whole; undefined for nearly all. */
export function faultOf(status: number, headers: IncomingHttpHeaders): string | undefined {
  if (status === 101) return '101 to a request without upgrade'
  const coding = headers['transfer-encoding']
  if (coding === undefined || coding.toLowerCase() === 'chunked') return undefined
  return 'a transfer coding other than chunked, which ends at us'
}

/** Passes the answer on, with backpressure, and closes both connections; `done` hears of an answer that broke off. */
export function passAnswer(
  answer: IncomingMessage,
  { req, socket, plan }: Recipient,
  done: (error?: Error) => void,
): void {
  const status = answer.statusCode ?? 502
  const received = lowered(answer.rawHeaders)
  const fields = status === 204 ? without(received, 'content-length') : received // RFC 9110 §8.6
  const res = new ServerResponse(req)
  const { idle } = plan.upstream.timeout
  const pause = isEventStream(fields) ? Infinity : idle
  const watch = new Watch(Infinity, () => {
    if (res.writableLength > 0) breakOff(res, true) // which tells that the client is gone
    else answer.destroy(new Error('the answer paused for too long'))
  })
  const onDrain = () => res.emit('drain')
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  res.writeHead(status, answerFields(fields, plan))
  res.flushHeaders()
  socket.on('drain', onDrain)
  watch.limit(pause)
  answer.on('data', () => watch.moved())
  answer.on('resume', () => watch.limit(pause))
  // From here on it is the client that is waited for, also when the answer is an event stream, or over.
  for (const event of ['pause', 'end'])
    answer.on(event, () => watch.limit(takeWithin(res.writableLength, plan.pace, idle)))
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
