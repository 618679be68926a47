import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { capturing, filesOf } from '#cli/gateway/workers/snapshot.ts'
import { loadConfig } from '#config/load.ts'

const absent = (path: string) => Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })

/** Files that can be changed. */
function disk(files: Map<string, string>) {
  const read = (path: string) => {
    const text = files.get(path)
    if (text === undefined) throw absent(path)
    return text
  }
  return {
    readFile: read,
    listFolder: (folder: string) => [...files.keys()].map((name) => name.slice(folder.length + 1)),
  }
}

suite('a snapshot', () => {
  test('is read as the files were, whatever became of them', () => {
    const files = new Map([
      ['/etc/heimdall.yaml', 'version: 1\ninclude: [routes.yaml]\nupstreams: { s: "http://127.0.0.1:1" }\n'],
      ['/etc/routes.yaml', 'routes: [{ path: "/${WHERE}", public: true, upstream: s }]\n'],
    ])
    const env = { WHERE: 'here' }
    const captured = capturing(disk(files))
    const first = loadConfig('/etc/heimdall.yaml', { ...captured, env })
    files.clear()
    const again = loadConfig('/etc/heimdall.yaml', { ...filesOf(JSON.parse(JSON.stringify(captured.snapshot()))), env })
    assert.ok('config' in first && 'config' in again)
    assert.equal(again.config.routes[0]?.path, '/here')
    assert.deepEqual(again.config, first.config)
  })

  test('misses what was missing, for the same reason', () => {
    const captured = capturing(disk(new Map()))
    assert.throws(() => captured.readFile('/gone'), { code: 'ENOENT' })
    assert.throws(() => filesOf(captured.snapshot()).readFile('/gone'), { code: 'ENOENT' })
    assert.throws(() => filesOf(captured.snapshot()).readFile('/never-asked-for'), { code: 'ENOENT' })
  })
})
