/**
 * The proxy plane for WebSocket upgrades: the same decision as for every request, then a tunnel instead of an answer.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'

import { decide, refuseUnread } from '#gate/decide.ts'
import type { Answered, Decision, Permitted, Refused } from '#gate/flight.ts'
import { stillAllowed } from '#gate/still-allowed.ts'
import { refuseSocket } from '#http/respond.ts'
import { denials } from '#request/denial.ts'
import { deny, type Deny } from '#request/verdict.ts'

import { abandon, forwardPlan, rawRequest, refusalContext, tell, type HandlerDeps } from './handler.ts'
import type { Serving } from './serving.ts'
import type { Teller } from './tell.ts'
import type { Tunnels } from './tunnels.ts'
import { upgrade } from './upgrade.ts'

interface Exchange {
  readonly req: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
  readonly serving: Serving
  /** The version of the file in force whenever it is asked. */
  readonly current: () => Serving
  readonly teller: Teller
  readonly tunnels: Tunnels
  readonly began: number
}

/** Makes the upgrade handler of the listener that clients reach. */
export function createUpgradeHandler(deps: HandlerDeps & { readonly tunnels: Tunnels }) {
  const { current, teller, tunnels, overload } = deps

  return async (req: IncomingMessage, socket: Socket, head: Buffer, surplus: boolean): Promise<void> => {
    const overloaded = surplus ? overload.refuseConnection() : overload.refuse()
    const exchange = { req, socket, head, serving: current(), current, teller, tunnels, began: performance.now() }
    teller.begin()
    try {
      if (overloaded !== undefined) act(refuseUnread(overloaded, rawRequest(req)), exchange)
      else act(await decide(exchange.serving.gate, rawRequest(req)), exchange)
    } catch (defect) {
      abandon(exchange, defect)
    }
  }
}

function act(decision: Decision, exchange: Exchange): void {
  if (decision.kind !== 'permit') return end(decision, exchange, refusalOf(decision))
  if (!decision.route.config.websocket) return end(decision, exchange, deny('upgrade_invalid', 'websocket: false'))
  const { req, socket, head, tunnels, serving, current } = exchange
  const { permit, request, fields } = decision
  const again = () => stillAllowed(current().gate, request, permit.principal)
  const call = { request, fields, plan: forwardPlan(decision, serving), req, socket, head, tunnels, again }
  upgrade(permit, call, (outcome) => {
    if (outcome.denial !== undefined && !outcome.answered) end(decision, exchange, outcome.denial)
    else tell(decision, exchange, outcome)
  })
}

/** An `OPTIONS` that asks for an upgrade is answered as nothing at all. */
function refusalOf(decision: Refused | Answered): Deny {
  return decision.kind === 'refuse' ? decision.deny : deny('upgrade_invalid', 'upgrade of OPTIONS')
}

function end(decision: Permitted | Refused | Answered, exchange: Exchange, denial: Deny): void {
  refuseSocket(exchange.socket, denial, refusalContext(decision, denial))
  tell(decision, exchange, { denial, status: denials[denial.code].status })
}
