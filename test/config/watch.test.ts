import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { disk } from '#config/files.ts'
import { loadConfig } from '#config/load.ts'
import { watchSources, type WatchTimes, type Watching } from '#config/watch.ts'

const scratch = mkdtempSync(join(tmpdir(), 'heimdall-watch-'))
const text = (port: number) => `version: 1
listen: 127.0.0.1:${port}
upstreams: { orders: "http://127.0.0.1:3000" }
routes: [{ path: /a, upstream: orders, public: true }]
`

/** A gateway as far as its file goes: keeps the last good configuration, counts the bad ones. */
function follower(path: string, times: WatchTimes = { settle: 5, poll: 60_000 }) {
  const state = { port: 0, loads: 0, rejected: 0 }
  const read = () => {
    const loaded = loadConfig(path, { ...disk, env: {} })
    state.loads += 1
    if ('config' in loaded) state.port = loaded.config.listen.port
    else state.rejected += 1
    return loaded.sources
  }
  const watching: Watching = watchSources(read(), () => watching.follow(read()), times)
  return { state, close: () => watching.close() }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(5000)
  while (!condition()) await delay(5, undefined, { signal: deadline })
}

suite('watching', () => {
  let folder = ''
  let close = () => {}
  let count = 0

  beforeEach(() => {
    count += 1
    folder = join(scratch, String(count))
    mkdirSync(folder)
  })
  afterEach(() => close())
  after(() => rmSync(scratch, { recursive: true }))

  function follow(path: string, times?: WatchTimes) {
    const following = follower(path, times)
    close = following.close
    return following.state
  }

  test('takes a changed file over', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, text(1))
    const state = follow(path)
    writeFileSync(path, text(2))
    await until(() => state.port === 2)
  })

  test('takes a file over that was renamed into place, again and again', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, text(1))
    const state = follow(path)
    for (const port of [2, 3, 4]) {
      writeFileSync(`${path}.new`, text(port))
      renameSync(`${path}.new`, path)
      await until(() => state.port === port)
    }
  })

  test('follows the symlink swap of a Kubernetes ConfigMap, again and again', async () => {
    const publish = (port: number) => {
      mkdirSync(join(folder, `..${port}`))
      writeFileSync(join(folder, `..${port}`, 'heimdall.yaml'), text(port))
      symlinkSync(`..${port}`, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
      rmSync(join(folder, `..${port - 1}`), { recursive: true, force: true })
    }
    publish(1)
    symlinkSync('..data/heimdall.yaml', join(folder, 'heimdall.yaml'))
    const state = follow(join(folder, 'heimdall.yaml'))
    for (const port of [2, 3, 4]) {
      publish(port)
      await until(() => state.port === port)
    }
    assert.equal(state.rejected, 0)
  })

  test('keeps what it has while a file is half written, and goes on when it is whole', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, text(1))
    const state = follow(path)
    writeFileSync(path, text(2).slice(0, 60))
    await until(() => state.rejected === 1)
    assert.equal(state.port, 1)
    rmSync(path)
    await until(() => state.rejected === 2)
    assert.equal(state.port, 1)
    writeFileSync(path, text(2))
    await until(() => state.port === 2)
  })

  test('does not take a file for whole that is still growing, even when what is there would be a good one', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, text(1))
    const state = follow(path, { settle: 400, poll: 10 })
    const whole = `${text(2)}${Array.from({ length: 40 }, (_, index) => `# route ${index}\n`).join('')}`
    writeFileSync(path, '')
    for (const line of whole.split(/(?<=\n)/)) {
      appendFileSync(path, line)
      await delay(10)
    }
    await until(() => state.port === 2)
    assert.deepEqual([state.loads, state.rejected], [2, 0])
  })

  test('does not load again what was only touched', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, text(1))
    const state = follow(path, { settle: 1, poll: 1 })
    for (const seconds of [1, 2, 3]) utimesSync(path, seconds, seconds)
    writeFileSync(path, text(1))
    writeFileSync(path, text(2))
    await until(() => state.port === 2)
    assert.ok(state.loads <= 3, `${state.loads} loads`)
  })

  test('follows secrets, certificates and included files too', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(join(folder, 'secret'), '7')
    writeFileSync(
      path,
      `${text(1).replace('127.0.0.1:1\n', '"127.0.0.1:${file:secret}"\n')}include: ["routes/*.yaml"]\n`,
    )
    mkdirSync(join(folder, 'routes'))
    const state = follow(path, { settle: 5, poll: 20 })
    assert.equal(state.port, 7)
    writeFileSync(join(folder, 'secret'), '8\n')
    await until(() => state.port === 8)
    writeFileSync(join(folder, 'routes', 'more.yaml'), 'routes: [')
    await until(() => state.rejected > 0)
    rmSync(join(folder, 'routes', 'more.yaml'))
    const { loads } = state
    await until(() => state.loads > loads)
  })

  test('finds a change by polling where events do not come', async () => {
    const path = join(folder, 'later', 'heimdall.yaml')
    const state = follow(path, { settle: 5, poll: 10 })
    assert.equal(state.rejected, 1)
    mkdirSync(join(folder, 'later'))
    writeFileSync(path, text(3))
    await until(() => state.port === 3)
  })

  test('does not miss a change between loading and watching', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, text(1))
    const { sources } = loadConfig(path, { ...disk, env: {} })
    writeFileSync(path, text(2))
    let changes = 0
    const watching = watchSources(sources, () => (changes += 1), { poll: 10 })
    close = () => watching.close()
    await until(() => changes === 1)
  })

  test('says nothing more once closed', async () => {
    const path = join(folder, 'heimdall.yaml')
    writeFileSync(path, text(1))
    const { sources } = loadConfig(path, { ...disk, env: {} })
    let changes = 0
    const watching = watchSources(sources, () => (changes += 1), { settle: 1, poll: 1 })
    watching.close()
    const witness = watchSources(sources, () => close(), { settle: 1, poll: 1 })
    let seen = false
    close = () => {
      seen = true
      witness.close()
    }
    writeFileSync(path, text(2))
    await until(() => seen)
    assert.equal(changes, 0)
  })
})
