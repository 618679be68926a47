/**
 * Keys from a URL.
 *
 * The other side may be slow, broken or hostile: redirects are not followed, the answer is cut off at 256 kB,
 * and the caller's signal ends the whole exchange, body included.
 *
 * @module
 */
import type { Connect } from './client.ts'
import { failed, LARGEST_SET, type Loaded, type LoadKeys } from './source.ts'

/** Loads the body found at `url`. */
export function loadFromUrl(url: string, connect: Connect): LoadKeys {
  const { origin, pathname, search } = new URL(url)
  const request = { method: 'GET', origin, path: pathname + search, headers: { accept: 'application/json' } } as const
  return async (signal) => {
    try {
      const answer = await (await connect()).request({ ...request, signal })
      // A body that is given up emits its abort as an error, which would end the process.
      answer.body.on('error', () => {})
      if (answer.statusCode === 200) return await readBody(answer.body)
      answer.body.destroy()
      return failed('status', `answered ${answer.statusCode}`)
    } catch (error) {
      return signal.aborted ? failed('timeout', 'did not answer in time') : failed('unreachable', codeOf(error))
    }
  }
}

async function readBody(body: AsyncIterable<Buffer>): Promise<Loaded> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > LARGEST_SET) return failed('too_large', `more than ${LARGEST_SET} bytes`)
    chunks.push(chunk)
  }
  return { kind: 'loaded', text: Buffer.concat(chunks).toString() }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'request failed'
}
