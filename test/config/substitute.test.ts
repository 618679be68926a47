import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { substitute } from '#config/substitute.ts'

import { worldOf } from './world.ts'

const env = { NAME: 'heimdall', EMPTY: '', NESTED: '${NAME}', LINES: 'a\nroutes: []' }
const world = worldOf({ 'folder/secret': 'line one\nline two\n\n', 'folder/large': 'x'.repeat(65_537) }, env)
const put = (text: string) => substitute(text, { world, folder: `${process.cwd()}/folder` })

suite('substitute', () => {
  test('puts variables in, anywhere in the text and more than once', () => {
    assert.deepEqual(put('a ${NAME} b ${NAME}'), { text: 'a heimdall b heimdall' })
  })

  test('uses the default when the variable is unset or empty', () => {
    assert.deepEqual(put('${NONE:-default}'), { text: 'default' })
    assert.deepEqual(put('${EMPTY:-default}'), { text: 'default' })
    assert.deepEqual(put('${NONE:-}'), { text: '' })
    assert.deepEqual(put('${NONE:-redis://h:1/:-x}'), { text: 'redis://h:1/:-x' })
  })

  test('takes an empty variable without default as it is', () => {
    assert.deepEqual(put('[${EMPTY}]'), { text: '[]' })
  })

  test('refuses an unset variable by name', () => {
    assert.deepEqual(put('${NONE}'), { flaw: 'needs the environment variable NONE, which is not set' })
  })

  test('does not look for placeholders in what it put in', () => {
    assert.deepEqual(put('${NESTED}'), { text: '${NAME}' })
    assert.deepEqual(put('${LINES}'), { text: 'a\nroutes: []' })
  })

  test('writes ${ for $${', () => {
    assert.deepEqual(put('$${NAME} ${NAME}'), { text: '${NAME} heimdall' })
  })

  test('reads files relative to the folder, without their trailing newlines', () => {
    assert.deepEqual(put('${file:secret}'), { text: 'line one\nline two' })
    assert.deepEqual(put('${file:./secret}'), { text: 'line one\nline two' })
  })

  test('refuses files that are missing or too large', () => {
    assert.deepEqual(put('${file:none}'), { flaw: 'names a file that cannot be used: there is no such file' })
    assert.deepEqual(put('${file:large}'), { flaw: 'names a file that is larger than 64 KiB' })
  })

  test('refuses placeholders of another form', () => {
    for (const text of ['${}', '${1A}', '${A-B}', '${A', '${A:default}']) assert.ok('flaw' in put(text), text)
  })
})
