/**
 * The clients, in a process of their own: first everybody once, then the mix at a steady pace.
 *
 * Requests are due at fixed moments, whether or not earlier ones have been answered, and wait from the moment they
 * are due: nothing is left out because something before it was slow. What this process itself is late counts as well.
 *
 * @module
 */
import { makeCredentials, type Credentials } from './credentials.ts'
import { openConnections, type Answered } from './connections.ts'
import { newEndings, type Endings } from './endings.ts'
import { newNotes, type Notes } from './note.ts'
import { kindOf, newChance, shuffled, zipf, type Chance } from './people.ts'
import type { Plan, Told } from './plan.ts'

const AT_ONCE = 48 // requests under way while everybody is seen for the first time
const RENEWED = 0.009
const JOINED = 0.001
const REST = 9000 // milliseconds in which no session is ended any more: until its fate is known
const PATIENCE = 3000

const tell = (told: Told) => void process.send?.(told)
process.once('message', (plan: Plan) => void run(plan))

type Ask = (identity: number, gateway: number, answered: Answered) => void

async function run(plan: Plan): Promise<void> {
  const credentials = makeCredentials(plan)
  const pools = plan.gateways.map((port, index) => openConnections(port, index + 1))
  const ask: Ask = (identity, gateway, answered) =>
    pools[gateway]?.send(
      `GET /orders/7 HTTP/1.1\r\nHost: api.test\r\n${credentials.lineOf(identity)}\r\n\r\n`,
      answered,
    )
  const chance = newChance(20_261_120)
  tell({ kind: 'ready' })
  await seeEverybody(plan, ask)
  mix({ plan, ask, credentials, chance })
}

/** Everybody once at each gateway, as fast as these answer. */
async function seeEverybody({ identities, gateways }: Plan, ask: Ask): Promise<void> {
  const [began, notes] = [performance.now(), newNotes()]
  const order = shuffled(identities, newChance(1))
  let turn = 0
  const one = async () => {
    while (turn < identities * gateways.length) {
      const [sent, gateway] = [performance.now(), turn % gateways.length]
      const identity = order[Math.floor(turn / gateways.length)] ?? 0
      turn += 1
      await new Promise<void>((resolve) =>
        ask(identity, gateway, (status) => {
          notes.note(status, performance.now() - sent)
          resolve()
        }),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  tell({ kind: 'cold', waits: notes.waits(), seconds: (performance.now() - began) / 1000 })
}

interface Mix {
  readonly plan: Plan
  readonly ask: Ask
  readonly credentials: Credentials
  readonly chance: Chance
}

/** Who is next, and with what. */
interface Traffic {
  /** Sends the request that is due. */
  next(due: number): void
  readonly count: { renewed: number; joined: number }
  measure(notes: Notes): void
  readonly endings: Endings
}

function newTraffic({ plan, ask, credentials, chance }: Mix): Traffic {
  const { identities, gateways } = plan
  const rank = zipf(identities, chance)
  const people = shuffled(identities, chance) // by rank
  const count = { renewed: 0, joined: 0 }
  let notes = newNotes()
  let [nextToRenew, nextToJoin] = [0, identities]

  const send = (identity: number, due: number) => {
    const mine = notes
    ask(identity, Math.floor(chance() * gateways.length), (status, sent) => {
      if (endings.has(identity)) endings.note(identity, status, sent)
      else mine.note(status, performance.now() - due)
    })
  }
  const endings = newEndings({
    identities,
    chance,
    end: (identity) => credentials.end(identity),
    ask: (identity) => send(identity, performance.now()),
  })
  /** The request is due when the credential is there. */
  const renewThenSend = (identity: number, joins: boolean) =>
    credentials.renew(identity, joins).then(() => send(identity, performance.now()))

  const renewNext = () => {
    do nextToRenew = (nextToRenew + 1) % identities
    while (kindOf(nextToRenew) === 'key' || endings.has(nextToRenew))
    count.renewed += 1
    void renewThenSend(nextToRenew, false)
  }
  const joinNext = () => {
    const newcomer = nextToJoin
    nextToJoin += 1
    count.joined += 1
    void renewThenSend(newcomer, true).then(() => (people[rank()] = newcomer)) // somebody else leaves
  }
  return {
    count,
    endings,
    next(due) {
      const what = chance()
      if (what < RENEWED) renewNext()
      else if (what < RENEWED + JOINED) joinNext()
      else send(people[rank()] ?? 0, due)
    },
    measure(from) {
      Object.assign(count, { renewed: 0, joined: 0 })
      notes = from
    },
  }
}

/** The mix: some seconds to warm up, then those that count. */
function mix(about: Mix): void {
  const { rate, warmUp, seconds } = about.plan
  const traffic = newTraffic(about)
  const [begin, total] = [performance.now(), Math.round((warmUp + seconds) * rate)]
  let [sent, notes] = [0, newNotes()]
  let measuring = false
  const timer = setInterval(() => {
    const now = performance.now()
    if (!measuring && now - begin >= warmUp * 1000) {
      measuring = true
      notes = newNotes()
      traffic.measure(notes)
      traffic.endings.start(Math.max(1000, seconds * 1000 - REST))
      tell({ kind: 'measuring' })
    }
    for (; sent < total && begin + (sent * 1000) / rate <= now; sent += 1) traffic.next(begin + (sent * 1000) / rate)
    if (sent < total) return
    clearInterval(timer)
    setTimeout(() => {
      const record = {
        all: notes.waits(),
        seconds: notes.seconds().slice(0, seconds),
        ...traffic.count,
        endings: traffic.endings.findings(),
      }
      tell({ kind: 'done', record })
      process.disconnect()
      process.exit()
    }, PATIENCE)
  }, 1)
}
