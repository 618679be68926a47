import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { readJwks } from '#authn/key-sets/jwks.ts'

import { newSigner, signer } from '../../support/tokens.ts'

const rsa = signer('RS256').jwk
const ec = signer('ES256').jwk
const read = async (...keys: unknown[]) => {
  const set = await readJwks(JSON.stringify({ keys }))
  return [set?.keys.map((key) => key.kid), set?.refused]
}

suite('readJwks', () => {
  test('keeps good keys and counts why others are left out', async () => {
    const set = await read(rsa, { kty: 'oct', k: 'x' }, 7, { ...ec, use: 'enc' }, ec)
    assert.deepEqual(set, [
      ['RS256', 'ES256'],
      ['symmetric', 'malformed', 'use'],
    ])
  })

  test('refuses every key of a name that two of them have', async () => {
    const twin = { ...newSigner('RS256', 'RS256').jwk }
    assert.deepEqual(await read(rsa, ec, twin), [['ES256'], ['kid_duplicate', 'kid_duplicate']])
  })

  test('lets keys of different types share a name (RFC 7517 §4.5), and several have none', async () => {
    assert.deepEqual(await read({ ...rsa, kid: 'k' }, { ...ec, kid: 'k' }), [['k', 'k'], []])
    assert.deepEqual(await read({ ...rsa, kid: undefined }, { ...ec, kid: undefined }), [[undefined, undefined], []])
  })

  test('reads an empty set as one', async () => assert.deepEqual(await read(), [[], []]))

  for (const text of ['', 'null', '[]', '{}', '{"keys":{}}', '{"keys":null}', '<html>', '{"keys":[],"keys":[]}'])
    test(`finds no set in ${text}`, async () => assert.equal(await readJwks(text), undefined))

  test('refuses more than a hundred keys', async () => {
    assert.equal(await readJwks(JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) })), undefined)
  })
})
