/**
 * One tunnel: two connections that are joined, and how they end.
 *
 * Either side may end its half and go on reading. When one is through, what it said last still reaches the other;
 * only an error cuts both. Of a side that has ended nobody learns whether it is still there (nothing is read from it any
 * more), so what is left of a tunnel lasts only as long as something moves on it.
 *
 * @module
 */
import type { Socket } from 'node:net'

import { closeFrame, Frames } from './frames.ts'

const FLUSH = 10_000 // milliseconds that the last bytes of one side may take to the other
const FAREWELL = 1000 // milliseconds that a client may take to answer a close frame

/** The side that ended first. */
export type Side = 'client' | 'upstream'

export interface Ends {
  readonly client: Socket
  readonly upstream: Socket
}

export interface Tunnel {
  /**
   * Ends it from our side: with a close frame to the client where one fits in between two frames of the service,
   * else without a word. `ended` is not called then.
   *
   * @param code status code of the close frame (RFC 6455 §7.4)
   */
  close(code: number): void
}

/**
 * Watches over two connections that are being joined, before a byte has gone through.
 *
 * @param silence milliseconds in which something must move once one side has ended
 * @param ended called once
 */
export function openTunnel({ client, upstream }: Ends, silence: number, ended: (first: Side) => void): Tunnel {
  const frames = new Frames()
  const follow = (bytes: Buffer) => frames.follow(bytes)
  let first: Side | undefined
  let over = false

  const watch = (side: Socket, name: Side, other: Socket) => {
    const note = () => {
      first ??= name
    }
    side.once('end', note).once('error', note)
    side.once('end', () => other.setTimeout(silence, () => other.destroy()))
    side.once('close', (failed) => {
      if (over) return
      over = true
      if (failed) other.destroy()
      else finish(other, FLUSH)
      ended(first ?? name)
    })
  }
  watch(client, 'client', upstream)
  watch(upstream, 'upstream', client)
  upstream.on('data', follow)

  return {
    close(code) {
      over = true
      upstream.off('data', follow).unpipe(client)
      client.unpipe(upstream)
      upstream.destroy()
      if (!frames.between || !client.writable) client.destroy()
      else {
        client.write(closeFrame(code))
        finish(client, FAREWELL)
      }
    },
  }
}

/** Ends a connection when everything is written and its peer has ended too, or cuts it when that takes too long. */
function finish(socket: Socket, patience: number): void {
  if (socket.destroyed) return
  const timer = setTimeout(() => socket.destroy(), patience).unref()
  socket.once('close', () => clearTimeout(timer))
  socket.end()
  socket.resume() // what still comes is for nobody; unread, it would turn the end into a reset
}
