/**
 * The client of a Redis Cluster, kept from trying too hard.
 *
 * Left to itself it sends what is for a node that is away to any other, is told to ask the one that is away, connects to
 * that, and asks for the map of the Cluster anew: for every single command. And it connects to a node when the first
 * command for it comes, which waits meanwhile. Here a command whose node is not connected fails at once, nodes are
 * connected to before there is a command for them, and the map is asked for at most four times a second. Left to itself
 * it also believes any map, and dies of one that is none.
 *
 * @module
 */
import { randomInt } from 'node:crypto'

import { Cluster, Command, type Redis } from 'ioredis'
import { z } from 'zod'

const REFRESH_INTERVAL = 250 // milliseconds
const SLOTS = 16_384

const slot = z
  .int()
  .min(0)
  .max(SLOTS - 1)
const nodeOfRange = z.tuple([z.string().max(255).nullable(), z.int().min(0).max(65_535)]).rest(z.unknown())
/** The answer to `CLUSTER SLOTS`: ranges with their nodes. Texts and numbers answer other questions. */
const slotMap = z.array(z.tuple([slot, slot]).rest(nodeOfRange)).max(SLOTS)
const clusterAnswer = z.union([z.string(), z.number(), slotMap])

Command.setReplyTransformer('cluster', (answer: unknown) => {
  if (!clusterAnswer.safeParse(answer).success) throw new TypeError('not the map of a Cluster')
  return answer
})

type Stream = Parameters<Cluster['sendCommand']>[1]

/** Where a pipeline is sent: to the node of a slot, or to the one that was found to have it. */
interface Way {
  readonly slot: number
  readonly redis?: Redis
}

/** A command failed at once and cost nothing, because the node that has the slot of its key is away. */
export class NodeAway extends Error {
  override readonly name = 'NodeAway'

  constructor() {
    super('the node of this key is not connected')
  }
}

/** Client of a Cluster. */
export class CalmCluster extends Cluster {
  readonly #nodes = new Map<string, Redis>()
  /** Keys of the nodes of each range of slots, the primary first. */
  #ranges: readonly (readonly string[] | undefined)[] = []
  #refreshing = false

  constructor(...options: ConstructorParameters<typeof Cluster<'legacy'>>) {
    super(...options)
    this.on('+node', (node: Redis) => {
      this.#nodes.set(keyOf(node), node)
      if (this.status === 'ready') connect(node)
    })
    this.on('-node', (node: Redis) => {
      if (this.#nodes.get(keyOf(node)) === node) this.#nodes.delete(keyOf(node))
    })
    this.on('refresh', () => (this.#ranges = [...new Set(this.slots)]))
    this.on('ready', () => this.nodes('master').forEach(connect))
  }

  /** True when the primary of every slot is connected. */
  get whole(): boolean {
    return this.status === 'ready' && this.#ranges.every((range) => this.#isConnected(range?.[0]))
  }

  /** Has every connection owe an answer, and looks for what is missing. To be called now and then. */
  beat(): void {
    for (const node of this.nodes('master')) if (node.status === 'ready') node.ping().catch(() => undefined)
    if (this.status === 'ready' && !this.whole) this.#refresh()
  }

  /** Asks for a key of any slot: a node may be there and the Cluster not. */
  async probe(): Promise<void> {
    await this.exists(`heimdall:probe:${randomInt(1000)}`)
  }

  override sendCommand(command: Command, stream?: Stream, way?: Way): unknown {
    const slot: number | null = way?.slot ?? command.getSlot() // null for a command without keys
    if (slot === null || way?.redis !== undefined || this.#isConnected(this.slots[slot]?.[0]))
      return super.sendCommand(command, stream, way)
    this.#refresh()
    command.reject(new NodeAway())
    return command.promise
  }

  #isConnected(key: string | undefined): boolean {
    return key !== undefined && this.#nodes.get(key)?.status === 'ready'
  }

  #refresh(): void {
    if (this.#refreshing) return
    this.#refreshing = true
    setTimeout(() => (this.#refreshing = false), REFRESH_INTERVAL).unref()
    this.refreshSlotsCache()
  }
}

function keyOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}

/** Replicas are not read from; one that becomes primary is connected to by the change. */
function connect(node: Redis): void {
  if (node.status === 'wait' && node.options.readOnly !== true) node.connect().catch(() => undefined)
}
