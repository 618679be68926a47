/**
 * The watch over one exchange: a single timer for all of its deadlines.
 *
 * Most exchanges end long before any deadline, so movement is only noted, and no timer is set while the deadline is far:
 * one look at all exchanges, ten times a second, finds those for which it has come near. That saves a microsecond a request.
 *
 * @module
 */

const FAR = 300 // milliseconds
const LOOK = 100 // milliseconds between looks

const far = new Set<Watch>()
let looking = false

function look(): void {
  for (const watch of far) watch.approach()
  looking = far.size > 0
  if (looking) setTimeout(look, LOOK)
}

export class Watch {
  #expire: () => void
  #moved: number
  /** Milliseconds without movement. */
  #limit = Infinity
  /** When the whole exchange must be over. */
  #end: number
  /** When the client must have sent something. */
  #sentBy = Infinity
  #timer: NodeJS.Timeout | undefined
  #lastLook: NodeJS.Immediate | undefined
  #firesAt = Infinity

  /** @param total milliseconds for the whole exchange; Infinity without a deadline */
  constructor(total: number, expire: () => void) {
    this.#moved = performance.now()
    this.#end = this.#moved + total
    this.#expire = expire
  }

  /** Something moved: the limit counts from now. */
  moved(): void {
    this.#moved = performance.now()
  }

  /** From now on no more than `limit` milliseconds may pass without movement. */
  limit(limit: number): void {
    this.#moved = performance.now()
    this.#limit = limit
    if (this.#due() < this.#firesAt) this.#arm(this.#moved)
  }

  /** Within `milliseconds` this must be said again; Infinity: it need not. */
  waits(milliseconds: number): void {
    const now = performance.now()
    this.#sentBy = now + milliseconds
    if (this.#due() < this.#firesAt) this.#arm(now)
  }

  /** Lets the exchange last as long as it likes: for event streams. */
  lift(): void {
    this.#limit = Infinity
    this.#end = Infinity
    this.#arm(performance.now())
  }

  stop(): void {
    this.#disarm()
    if (this.#lastLook !== undefined) clearImmediate(this.#lastLook)
    this.#firesAt = -Infinity
  }

  /** Sets the timer when the deadline has come near; called by the look at all of them. */
  approach(): void {
    const now = performance.now()
    if (this.#due() - now < FAR) this.#arm(now)
  }

  #due(): number {
    return Math.min(this.#moved + this.#limit, this.#end, this.#sentBy)
  }

  #arm(now: number): void {
    this.#disarm()
    this.#firesAt = this.#due()
    if (this.#firesAt === Infinity) return
    const wait = this.#firesAt - now
    if (wait < FAR) this.#timer = setTimeout(() => this.#check(), Math.max(1, wait))
    else {
      far.add(this)
      if (!looking) setTimeout(look, LOOK)
      looking = true
    }
  }

  #disarm(): void {
    far.delete(this)
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** After a pause of our own, what has come meanwhile is read before anybody is given up. */
  #check(): void {
    if (!this.#armAnew())
      this.#lastLook = setImmediate(() => {
        if (!this.#armAnew()) this.#expire()
      })
  }

  /** Whether there is time left. */
  #armAnew(): boolean {
    const now = performance.now()
    const early = this.#due() - now > 1
    if (early) this.#arm(now)
    return early
  }
}
