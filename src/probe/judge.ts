/**
 * The judgement of one form by what a deployment answered: all that can be said without seeing its service.
 *
 * @module
 */
import { MARK, MARKED_ADDRESS, type Form } from './case.ts'
import type { Conversation } from './wire.ts'

export type Judgement = {
  /** `unjudged` counts neither as held nor as fallen. */
  readonly kind: 'held' | 'fell' | 'unjudged'
  /** What was seen, or why nothing could be. */
  readonly note: string
}

const held = (note: string): Judgement => ({ kind: 'held', note })
const fell = (note: string): Judgement => ({ kind: 'fell', note })
const unjudged = (note: string): Judgement => ({ kind: 'unjudged', note })

/**
 * Judges one form.
 *
 * @param identity names that the service is shown for the credential at hand, in lower case: for the bar `kept`
 */
export function judge(form: Pick<Form, 'bar'>, conversation: Conversation, identity: readonly string[]): Judgement {
  const [first, ...others] = conversation.answers.filter(({ status }) => status >= 200 || status === 101)
  const good = (status: number) => (status >= 200 && status < 300) || status === 101
  if (first === undefined) return withoutAnswer(form, conversation)
  const { status } = first
  if (status === 429 || status === 503) return unjudged(`answered ${status}, which says nothing about the request`)

  switch (form.bar) {
    case 'outside':
      return good(status) ? fell(`let in with ${status}`) : held(`answered ${status}`)
    case 'dropped':
      return shows(first.body) ? fell('the service received it') : held(`answered ${status}, without it`)
    case 'kept': {
      const lost = identity.filter((name) => !first.body.toString('latin1').toLowerCase().includes(name))
      if (identity.length === 0) return unjudged('no identity is shown: give a token')
      return good(status) && lost.length > 0
        ? fell(`the service missed ${lost.join(', ')}`)
        : held(`answered ${status}`)
    }
    case 'refused':
    case 'ended':
      return refusal(
        form.bar,
        conversation,
        [first, ...others].map((one) => one.status),
      )
    case 'single':
      if (status === 101) return fell('switched protocols')
      if (conversation.garbled) return fell('what followed the answer was none')
      return others.length > 0 ? fell(`${others.length + 1} answers to one request`) : held(`answered ${status}`)
    case 'judged':
      if (status === 101) return fell('switched protocols')
      return others.some((one) => good(one.status)) ? fell('the hidden request was let in') : held(`answered ${status}`)
    default:
      return form.bar satisfies never
  }
}

/** A connection that ends without a word is a refusal; one that stays open waits for something. */
function withoutAnswer({ bar }: Pick<Form, 'bar'>, { end, garbled }: Conversation): Judgement {
  if (garbled) return fell('what came back is no answer')
  if (end !== 'open') return held('ended without an answer')
  if (bar === 'refused' || bar === 'ended') return fell('not refused: it waits for more')
  return unjudged('no answer in time')
}

function refusal(bar: 'refused' | 'ended', { end }: Conversation, statuses: readonly number[]): Judgement {
  const accepted = statuses.find((status) => status < 400)
  if (accepted !== undefined) return fell(`accepted with ${accepted}`)
  if (bar === 'refused') return held(`answered ${statuses.join(', ')}`)
  if (statuses.length > 1) return fell(`answered ${statuses.join(', ')}: what stood behind was read as a request`)
  return end === 'open'
    ? fell(`answered ${statuses.join()} and read on`)
    : held(`answered ${statuses.join()} and ended`)
}

function shows(body: Buffer): boolean {
  return body.includes(MARK) || body.includes(MARKED_ADDRESS)
}
