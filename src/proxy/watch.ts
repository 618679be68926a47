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

export class Watch {
  /**
   * Those whose deadline is far, linked to each other. A `Set` would leave its outgrown tables behind, and with them
   * requests that ended long ago would outlive the collections of young garbage: that cost half as much CPU again.
   */
  static #far: Watch | undefined
  static #looking = false
  #next: Watch | undefined
  #previous: Watch | undefined
  #isFar = false
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

  /** Sets the timers of those whose deadline has come near. */
  static #look(): void {
    const now = performance.now()
    let watch = Watch.#far
    while (watch !== undefined) {
      const next: Watch | undefined = watch.#next // arming takes it out
      if (watch.#due() - now < FAR) watch.#arm(now)
      watch = next
    }
    Watch.#looking = false
    Watch.#lookLater()
  }

  static #lookLater(): void {
    if (Watch.#looking || Watch.#far === undefined) return
    Watch.#looking = true
    setTimeout(() => Watch.#look(), LOOK)
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
    else this.#link()
  }

  #disarm(): void {
    if (this.#isFar) this.#unlink()
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #link(): void {
    this.#isFar = true
    this.#next = Watch.#far
    if (this.#next !== undefined) this.#next.#previous = this
    Watch.#far = this
    Watch.#lookLater()
  }

  #unlink(): void {
    this.#isFar = false
    if (this.#previous === undefined) Watch.#far = this.#next
    else this.#previous.#next = this.#next
    if (this.#next !== undefined) this.#next.#previous = this.#previous
    this.#next = undefined
    this.#previous = undefined
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
