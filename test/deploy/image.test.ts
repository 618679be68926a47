import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { commandOf } from '#cli/commands.ts'

import { heimdall } from '../support/command.ts'
import { FLAGS } from '../support/flags.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** Instructions of the Dockerfile: name and the rest of the line. */
const instructions = read('Dockerfile')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line))
  .map((line): readonly [string, string] => {
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    return [name, rest]
  })
const all = (name: string) => instructions.filter(([found]) => found === name).map(([, rest]) => rest)
const listed = (rest = ''): string[] => JSON.parse(/\[.*\]$/.exec(rest)?.[0] ?? 'null')
const words = (name: string): string[] => listed(all(name).at(-1))

suite('the image', () => {
  test('runs as nobody in particular', () => {
    assert.deepEqual(new Set(all('USER')), new Set(['65532:65532']))
    assert.ok(
      instructions.findLastIndex(([name]) => name === 'USER') > instructions.findLastIndex(([name]) => name === 'COPY'),
      'owns no file it could change',
    )
  })

  test('starts the gateway on the mounted file, without a shell that would swallow signals', () => {
    assert.deepEqual(
      [...words('ENTRYPOINT'), ...words('CMD')],
      ['node', ...FLAGS, 'src/main.ts', 'serve', '--config', '/etc/heimdall/heimdall.yaml'],
    )
    assert.deepEqual(all('STOPSIGNAL'), ['SIGTERM'])
  })

  test('checks its health with a command of its own', async () => {
    assert.deepEqual(words('HEALTHCHECK'), ['node', ...FLAGS, 'src/main.ts', 'health'])
    for (const name of ['serve', 'health']) assert.ok(await commandOf(name))
  })

  test('takes its base as an argument and locked packages without scripts, development and optional ones left out', () => {
    assert.deepEqual(all('FROM'), ['${NODE_IMAGE} AS packages', 'packages AS compiled', '${NODE_IMAGE}'])
    assert.match(all('ARG').join(), /^NODE_IMAGE=node:24/)
    assert.deepEqual(listed(all('RUN')[0]).slice(0, 5), [
      'npm',
      'ci',
      '--omit=dev',
      '--omit=optional',
      '--ignore-scripts',
    ])
  })

  test('is compiled when it is built, by the commands, flags and user that it runs with', async () => {
    const [, health, serve] = all('RUN').map((rest) => listed(rest))
    assert.deepEqual(health, ['node', ...FLAGS, 'src/main.ts', 'help', 'health'])
    const started = ['node', ...FLAGS, 'src/main.ts', 'serve', '--config', 'warm-up.yaml']
    assert.deepEqual(serve, ['timeout', '--preserve-status', '5', ...started])
    const [from, to] = all('ENV').flatMap((rest) => /^NODE_COMPILE_CACHE=(.*)$/.exec(rest)?.[1] ?? [])
    assert.ok(all('COPY').includes(`--from=compiled --chmod=555 ${from} ${to?.replace('/app/', './')}`))
    const { code, err } = await heimdall(['check', '--config', join(root, 'deploy/warm-up.yaml')])
    assert.equal(code, 0, err)
  })

  test('is made of files that exist and are let into the build, and of no others', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    const copied = all('COPY')
      .filter((rest) => !rest.startsWith('--from'))
      .flatMap((rest) => rest.split(' ').slice(0, -1))
    for (const path of copied) assert.ok(existsSync(join(root, path)), path)
    assert.deepEqual([...new Set(copied)].toSorted(), allowed.toSorted())
    assert.match(read('.dockerignore'), /^\*$/m)
  })
})
