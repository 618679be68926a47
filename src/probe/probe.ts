/**
 * Probing: fires the corpus at a deployment, one connection at a time and at a bounded rate, and judges each answer.
 *
 * Before anything is judged, requests that must succeed show that the judgement can be believed:
 * where everything is refused, every attack is.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

import { MARK, requestText, type Aim, type Bar, type Case, type Form } from './case.ts'
import { judge, type Judgement } from './judge.ts'
import { converse, type Conversation, type Patience, type Place } from './wire.ts'

/** Where, and with what. Paths that are undefined leave the cases that need them unjudged. */
export interface Target {
  readonly place: Place
  readonly host: string
  readonly open: string
  readonly closed: string | undefined
  readonly echo: string | undefined
  readonly token: string
  readonly believed: readonly string[]
}

/** Milliseconds. */
export interface Pace {
  /** Between two requests. */
  readonly pause: number
  /** Until an answer. */
  readonly patience: number
  /** Longest wait when the deployment asks for one. */
  readonly retry: number
}

export interface FormResult extends Judgement {
  readonly form: string
}

export interface CaseResult {
  readonly of: Case
  readonly forms: readonly FormResult[]
}

/** Thrown when the deployment does not answer as the target says. */
export class ControlFailed extends Error {}

/** How long to listen behind an answer; one that has fallen already needs no more. */
const behind: Readonly<Record<Bar, (status: number) => number>> = {
  refused: (status) => (status < 400 ? 0 : 150),
  ended: (status) => (status < 400 ? 0 : 2000),
  single: () => 150,
  judged: () => 150,
  outside: () => 0,
  dropped: () => 0,
  kept: () => 0,
}

/**
 * Fires every form that the target has the paths for.
 *
 * @throws ControlFailed when what must succeed does not, before or after
 */
export async function probe(cases: readonly Case[], target: Target, pace: Pace): Promise<CaseResult[]> {
  const identity = await control(target, pace)
  const results: CaseResult[] = []
  for (const one of cases) {
    const forms: FormResult[] = []
    for (const form of one.forms) forms.push({ form: form.name, ...(await fire(form, { target, pace, identity })) })
    results.push({ of: one, forms })
  }
  await expect(target, pace, { path: target.open, bearer: false, what: 'afterwards, the open path', good: isGood })
  return results
}

interface Context {
  readonly target: Target
  readonly pace: Pace
  readonly identity: readonly string[]
}

async function fire(form: Form, { target, pace, identity }: Context): Promise<Judgement> {
  const missing = whatIsMissing(form, target)
  if (missing !== undefined) return { kind: 'unjudged', note: missing }
  const text = form.send(aimOf(form, target))
  if (text === undefined)
    return { kind: 'unjudged', note: target.token === '' ? 'give --token' : 'the token is no JWT' }
  const conversation = await patiently(target, text, { first: pace.patience, more: behind[form.bar] }, pace)
  return judge(form, conversation, identity)
}

function whatIsMissing(form: Form, { closed, echo }: Target): string | undefined {
  if (form.writes) return 'might change something'
  if (form.inside) return 'looks alike from outside: only the service can tell'
  if (form.bar === 'outside' && closed === undefined) return 'give --protected'
  if ((form.bar === 'dropped' || form.bar === 'kept') && echo === undefined) return 'give --echo'
  if (form.bar === 'judged' && closed === undefined) return 'give --protected'
  return undefined
}

function aimOf(form: Form, { host, open, closed, echo, token, believed }: Target): Aim {
  const lines = token === '' || form.bar === 'outside' ? [] : [`Authorization: Bearer ${token}`]
  return { host, open, closed: closed ?? open, shown: echo ?? open, believed, token, lines }
}

/** Sends, and once more when the deployment says that it is too much. */
async function patiently({ place }: Target, text: string, patience: Patience, pace: Pace): Promise<Conversation> {
  await sleep(pace.pause)
  const conversation = await converse(place, text, patience)
  const limited = conversation.answers.find(({ status }) => status === 429)
  if (limited === undefined) return conversation
  const seconds = Number(/\r\nretry-after: *(\d+)/i.exec(limited.head)?.[1] ?? 1)
  if (seconds * 1000 > pace.retry) return conversation
  await sleep(seconds * 1000)
  return converse(place, text, patience)
}

interface Expectation {
  readonly path: string
  readonly bearer: boolean
  readonly what: string
  readonly good: (status: number) => boolean
  readonly fields?: readonly string[]
}

const isGood = (status: number) => status >= 200 && status < 300

/** Asks for what must succeed. @returns the body */
async function expect(target: Target, pace: Pace, expected: Expectation): Promise<string> {
  const { path, bearer, what, good, fields = [] } = expected
  const credential = bearer && target.token !== '' ? [`Authorization: Bearer ${target.token}`] : []
  const text = requestText(`GET ${path} HTTP/1.1`, [`Host: ${target.host}`, ...credential, ...fields])
  const { answers } = await patiently(target, text, { first: pace.patience, more: () => 0 }, pace)
  const final = answers.find(({ status }) => status >= 200)
  if (final === undefined || !good(final.status))
    throw new ControlFailed(`${what} ${path} answers ${final?.status ?? 'nothing'}`)
  return final.body.toString('latin1')
}

/** @returns the identity headers that the echo shows, in lower case */
async function control(target: Target, pace: Pace): Promise<string[]> {
  const { open, closed, echo, token, believed } = target
  await expect(target, pace, { path: open, bearer: false, what: 'the open path', good: isGood })
  if (closed !== undefined) {
    const isClosed = (status: number) => status >= 300
    await expect(target, pace, {
      path: closed,
      bearer: false,
      what: 'the protected path, without a token,',
      good: isClosed,
    })
    if (token !== '')
      await expect(target, pace, {
        path: closed,
        bearer: true,
        what: 'the protected path, with the token,',
        good: isGood,
      })
  }
  if (echo === undefined) return []
  const fields = [`X-Harmless: ${MARK}`]
  const shown = await expect(target, pace, { path: echo, bearer: true, what: 'the echo path', good: isGood, fields })
  if (!shown.includes(MARK)) throw new ControlFailed(`the answer of ${echo} does not show the headers of the request`)
  const lower = shown.toLowerCase()
  return token === '' ? [] : believed.map((name) => name.toLowerCase()).filter((name) => lower.includes(name))
}
