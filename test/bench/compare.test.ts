import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { plotBars, plotLines } from '../../bench/plot.ts'
import { bars, judge, type Bar } from '../../bench/proxy/bars.ts'
import { candidates } from '../../bench/proxy/candidates.ts'
import { readLayers, sharesBetween } from '../../bench/proxy/layers.ts'
import { choose, planOf, readOptions } from '../../bench/proxy/options.ts'
import { startProgress } from '../../bench/proxy/progress.ts'
import { plots, report, type Run } from '../../bench/proxy/report.ts'
import type { Measured, Result } from '../../bench/proxy/result.ts'

const nothing: Measured = { results: [], remembered: undefined, elsewhere: {} }

function result(id: string, cpu: readonly number[], part: Partial<Result> = {}): Result {
  const { group = 'proxies', title = id } = candidates.find((candidate) => candidate.id === id) ?? {}
  const loads = cpu.map((one) => ({ rate: 1e6 / one, cpu: one, rss: 100 }))
  return { id, group, title, loads, paced: {}, memory: { start: 70, peak: 120 }, layers: {}, ...part }
}

const waits = (p50: number, p99: number) => ({ p50, p99, p999: p99, most: p99, answered: 1, failed: 0 })

/** Fails unless every tag of a text is closed in the order that XML asks for. */
function assertWellFormed(text: string): void {
  assert.doesNotMatch(text.replaceAll(/<[^<>]*>/g, ''), /[<>]|&(?!amp;|lt;|gt;)/)
  const open: string[] = []
  for (const [, closing, name = '', own] of text.matchAll(/<(\/)?([a-z]+)[^<>]*?(\/)?>/g)) {
    if (closing !== undefined) assert.equal(open.pop(), name)
    else if (own === undefined) open.push(name)
  }
  assert.deepEqual(open, [])
}

suite('bars of the comparison', () => {
  const bar = (part: Partial<Bar>): Bar => ({ what: 'it', limit: 10, unit: 'µs', figure: () => 8, ...part })

  test('say by how much of the bar they were met or missed', () => {
    assert.equal(judge(bar({}), nothing).verdict, 'met by 20 %')
    assert.equal(judge(bar({ figure: () => 15 }), nothing).verdict, '**missed** by 50 %')
    assert.equal(judge(bar({ figure: () => 10 }), nothing).verdict, 'met by 0 %')
    assert.equal(judge(bar({ figure: () => undefined }), nothing).verdict, 'not measured')
  })

  test('say so where more is better', () => {
    const floor = bar({ limit: 98, unit: '%', above: true })
    assert.deepEqual(judge({ ...floor, figure: () => 99.5 }, nothing), {
      what: 'it',
      limit: '> 98 %',
      figure: '99.50 %',
      verdict: 'met by 2 %',
    })
    assert.match(judge({ ...floor, figure: () => 98 }, nothing).verdict, /missed/)
  })

  test('rest on what was measured, and on nothing else', () => {
    const results = [
      result('heimdall', [40, 44], { paced: { 1000: [waits(300, 900)] } }),
      result('haproxy-rs256', [50, 55]),
      result('redis-limit', [50, 56], { paced: { 1000: [waits(400, 1400)] } }),
      result('direct', [], { memory: undefined, paced: { 1000: [waits(100, 200)] } }),
    ]
    const told = bars
      .map((one) => judge(one, { ...nothing, results }))
      .filter(({ verdict }) => verdict !== 'not measured')
    assert.deepEqual(
      told.map(({ figure }) => figure),
      ['0.80 ×', '11 µs', '0.500 ms', '0.200 ms', '0.700 ms', '70 MiB', '100 MiB'],
    )
  })

  test('are read from what other programs kept', () => {
    const elsewhere = {
      'bench:decision': [
        { layer: 'l1', p99: 0.03 },
        { layer: 'l1', p99: 0.05 },
        { layer: 'source', p99: 20 },
      ],
      'bench:mixed': { hits_percent: 99 },
      'bench:start': { warm: [{ ready: 200 }, { ready: 220 }], cold: 'nonsense' },
    }
    const told = bars
      .map((one) => judge(one, { ...nothing, elsewhere }))
      .filter(({ verdict }) => verdict !== 'not measured')
    assert.deepEqual(
      told.map(({ figure, verdict }) => `${figure} ${verdict}`),
      ['0.050 ms met by 50 %', '20 ms **missed** by 100 %', '99 % met by 1 %', '210 ms met by 30 %'],
    )
  })
})

suite('plots', () => {
  test('are well-formed, whatever the labels hold', () => {
    const drawn = plotBars('a < b & c', 'µs', [
      { label: '<script>', value: 10, least: 8, most: 12 },
      { label: 'ours', value: 5, least: 5, most: 5, own: true },
    ])
    assert.match(drawn, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
    assertWellFormed(drawn)
    assert.doesNotMatch(drawn, /NaN|undefined|Infinity/)
  })

  test('leave gaps where nothing was measured', () => {
    const lines = [
      { label: 'one', values: [1, undefined, 100] },
      { label: 'other', values: [undefined, undefined, undefined] },
    ]
    const drawn = plotLines('waits', ['1', '2', '3'], lines)
    assertWellFormed(drawn)
    assert.doesNotMatch(drawn, /NaN|undefined|Infinity/)
    assert.equal(drawn.match(/<circle/g)?.length, 2)
  })

  test('draw nothing of nothing', () => {
    for (const drawn of [plotBars('none', 'µs', []), plotLines('none', [], [])]) {
      assertWellFormed(drawn)
      assert.doesNotMatch(drawn, /NaN|undefined|Infinity/)
    }
  })
})

suite('the report of the comparison', () => {
  const run: Run = {
    isFull: true,
    plan: planOf({ quick: false }),
    measured: { ...nothing, results: [result('heimdall', [40, 44], { paced: { 1000: [waits(300, 900)] } })] },
    circumstances: {
      date: '2026-01-01',
      commit: 'abc',
      machine: 'm',
      cores: { proxy: '0', workers: '0', load: '1', anywhere: '0-1' },
      versions: [],
    },
    skipped: ['haproxy (not installed)'],
    busy: [0, 0],
  }

  test('has a line for each bar, also for those that were not measured', () => {
    const text = report(run)
    for (const { what } of bars) assert.ok(text.includes(`| ${what} |`), what)
    assert.match(text, /haproxy \(not installed\)/)
    assert.match(text, /\*\*42\.0\*\* \(40\.0–44\.0\)/)
    assert.doesNotMatch(text, /NaN|undefined|Infinity/)
  })

  test('comes with well-formed plots', () => {
    for (const drawn of Object.values(plots(run))) assertWellFormed(drawn)
  })

  test('of a part has only the bars that something was measured for', () => {
    assert.doesNotMatch(report({ ...run, isFull: false }), /not measured/)
  })
})

suite('which layer answered', () => {
  const page = (l1: number, l2: number) => `# HELP heimdall_cache_reads_total …
heimdall_cache_reads_total{cache="session",layer="l1"} ${l1}
heimdall_cache_reads_total{layer="l2",cache="session"} ${l2}
heimdall_cache_reads_total{cache="grants",layer="l1"} 7
`

  test('is told in shares of what was read meanwhile', () => {
    assert.deepEqual(sharesBetween(readLayers(page(10, 0)), readLayers(page(20, 30))), {
      'session l1': 0.25,
      'session l2': 0.75,
    })
  })
})

suite('the command line of the comparison', () => {
  test('takes candidates and groups by name, and no others', () => {
    const ids = (args: readonly string[]) => choose(candidates, readOptions(args)).map(({ id }) => id)
    assert.deepEqual(ids(['--only', 'heimdall,relay']), ['relay', 'heimdall'])
    assert.deepEqual(ids(['--only', 'post']).length, candidates.filter(({ group }) => group === 'post').length)
    assert.equal(ids([]).length, candidates.length)
    assert.throws(() => ids(['--only', 'heimdal']), /no candidate or group is called heimdal/)
    assert.throws(() => ids(['--fast']), TypeError)
  })

  test('asks a quick run of every group', () => {
    const groups = new Set(choose(candidates, { quick: true, only: undefined }).map(({ group }) => group))
    assert.equal(groups.size, new Set(candidates.map(({ group }) => group)).size)
  })

  test('gives every candidate a name of its own', () => {
    assert.equal(new Set(candidates.map(({ id }) => id)).size, candidates.length)
  })

  test('--help lists all of them, with examples, and starts nothing', () => {
    const main = join(import.meta.dirname, '../../bench/proxy/compare.ts')
    const text = execFileSync(process.execPath, [main, '--help'], { encoding: 'utf8', timeout: 10_000 })
    for (const { id, group } of candidates) assert.ok(text.includes(id) && text.includes(group), id)
    assert.match(text, /examples:\n {2}npm run bench\n/)
  })

  test('tells how long the rest will take', () => {
    let now = 0
    const said: string[] = []
    const progress = startProgress(
      4,
      (line) => said.push(line),
      () => now,
    )
    now = 60_000
    progress.done('first')
    now = 400_000
    for (let step = 2; step <= 4; step += 1) progress.done('more')
    assert.deepEqual([said[0], said[3]], ['[1/4, 3 min left] first', '[4/4, 0 s left] more'])
  })
})
