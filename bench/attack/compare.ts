/**
 * The corpus of attacks at Heimdall, nginx and HAProxy; writes `bench/attack/RESULTS.md`.
 *
 *     npm run attack:compare [-- --print]
 *
 * Exit code 1 when Heimdall passes on what one of the others refuses. `--print` leaves the file alone.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { cases } from '#probe/cases.ts'

import { tryOut, type Outcome } from './outcome.ts'
import { startPeers, type Peer } from './peers.ts'
import { behind, report, type Row, type Section } from './report.ts'

const { values: options } = parseArgs({ options: { print: { type: 'boolean', default: false } } })

async function compare(peers: readonly Peer[]): Promise<Section[]> {
  const sections: Section[] = []
  for (const of of cases.filter(({ family, forms }) => family !== 'tokens' && forms.length > 0)) {
    const rows: Row[] = []
    for (const form of of.forms) {
      const outcomes = await Promise.all(peers.map((peer) => tryOut(form, peer)))
      if (outcomes.every((outcome) => outcome !== undefined)) rows.push({ form: form.name, outcomes })
    }
    sections.push({ of, rows })
  }
  return sections
}

const worst = ({ row: { outcomes } }: { row: Row }) =>
  outcomes.map(({ kind, as }: Outcome) => `${kind} (${as})`).join(' | ')

const peers = await startPeers()
try {
  const sections = await compare(peers)
  const text = report(
    peers.map(({ title }) => title),
    sections,
  )
  if (options.print) process.stdout.write(`${text}\n`)
  else writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
  const late = behind(sections)
  for (const one of late) process.stderr.write(`${one.id} ${one.row.form}: ${worst(one)}\n`)
  process.stderr.write(`cases that Heimdall passes on and one of the others refuses: ${late.length}\n`)
  process.exitCode = late.length === 0 ? 0 : 1
} finally {
  for (const peer of peers) await peer.stop()
}
