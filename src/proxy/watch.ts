/**
 * The watch over one exchange: a single timer for all of its deadlines.
 *
 * undici's own timers tick at up to a second, and most exchanges end long before any deadline,
 * so movement is only noted, and the timer looks at the note when it fires.
 *
 * @module
 */
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
    if (this.#due() < this.#firesAt) this.#arm()
  }

  /** Within `milliseconds` this must be said again; Infinity: it need not. */
  waits(milliseconds: number): void {
    this.#sentBy = performance.now() + milliseconds
    if (this.#due() < this.#firesAt) this.#arm()
  }

  /** Lets the exchange last as long as it likes: for event streams. */
  lift(): void {
    this.#limit = Infinity
    this.#end = Infinity
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#lastLook)
    this.#firesAt = -Infinity
  }

  #due(): number {
    return Math.min(this.#moved + this.#limit, this.#end, this.#sentBy)
  }

  #arm(): void {
    clearTimeout(this.#timer)
    this.#firesAt = this.#due()
    if (this.#firesAt === Infinity) return
    const wait = Math.max(1, this.#firesAt - performance.now())
    this.#timer = setTimeout(this.#check, Math.min(wait, 2 ** 31 - 1))
  }

  /** After a pause of our own, what has come meanwhile is read before anybody is given up. */
  #check = (): void => {
    if (this.#isEarly()) this.#arm()
    else this.#lastLook = setImmediate(() => (this.#isEarly() ? this.#arm() : this.#expire()))
  }

  #isEarly(): boolean {
    return this.#due() - performance.now() > 1
  }
}
