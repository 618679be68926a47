/**
 * Schema of overload control: how much the gateway takes on.
 *
 * @module
 */
import { z } from 'zod'

import { share } from '#values/share.ts'
import { duration } from '#values/units.ts'

/** `overload:`; every key has a default that suits most, and a reload changes all of them. */
export const overloadSchema = z.strictObject({
  connections: z.int().min(1).max(1_000_000).optional().meta({
    description:
      'Open connections of clients, tunnels included; a request on one more is answered 503. As many as a third of the free memory holds at 40 KiB each, at most 16384, unless set; never more than three quarters of the open files the system allows.',
  }),
  in_flight: z.int().min(1).max(1_000_000).optional().meta({
    description:
      'Requests being answered, event streams included, tunnels not; one more is answered 503. As many as two thirds of the free memory hold at 448 KiB each (a body that nobody takes), at most 4096, unless set: 10,000 requests per second of 100 ms are 1,000.',
  }),
  memory: share().prefault('90%').meta({
    description:
      "Share of V8's heap, and of the container's memory (else the machine's), above which new requests are answered 503, all but eight at a time, and idle connections are closed. From nine tenths of it on connections are not kept alive. Higher leaves too little for the collector to work.",
  }),
  delay: duration({ min: '10ms', max: '1h' }).prefault('500ms').meta({
    description:
      'How late the event loop may be, twice in a row, before only half as many requests are let in, until it keeps up: by then clients begin to give up on what is being done for them. A single pause is no reason.',
  }),
})

/** Overload control with every default filled in; `memory` is a number from 0 to 1, `delay` in milliseconds. */
export type OverloadOptions = z.output<typeof overloadSchema>
