import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { Aim } from '#probe/case.ts'
import { cases } from '#probe/cases.ts'

import { claimsNow } from '../support/issuer.ts'
import { newSigner, token } from '../support/tokens.ts'

const genuine = token(newSigner('ES256', 'k'), claimsNow('https://id.test', 'alice'))
const aim: Aim = {
  host: 'gateway.test',
  open: '/public/hello',
  closed: '/me',
  shown: '/me',
  believed: ['X-Heimdall-Subject'],
  lines: [`Authorization: Bearer ${genuine}`],
  token: genuine,
}
const forms = cases.flatMap(({ id, family, forms }) => forms.map((form) => ({ id, family, form })))

suite('the corpus', () => {
  test('has every published row that can be sent to a gateway', () => {
    const ids = new Set(cases.map(({ id }) => id))
    const rows = (letter: string, ...numbers: readonly number[]) => numbers.map((number) => `${letter}${number}`)
    const upTo = (most: number) => Array.from({ length: most }, (_, index) => index + 1)
    for (const id of [...rows('H', ...upTo(17)), ...rows('P', ...upTo(11)), ...rows('S', ...upTo(10), 16)])
      assert.ok(ids.has(id), id)
    assert.equal(ids.size, cases.length, 'an id twice')
  })

  test('says of every row where it was seen and why it matters, in one sentence', () => {
    for (const { id, advisories, title, why, forms } of cases) {
      assert.ok(advisories.length > 0 && title !== '' && /^[A-Z‘`].+\.$/.test(why), id)
      assert.equal(new Set(forms.map(({ name }) => name)).size, forms.length, `${id}: a form twice`)
    }
  })

  test('makes bytes of every form', () => {
    for (const { id, form } of forms) {
      const text = form.send(aim)
      assert.ok(text !== undefined && text.length > 16 && text.length < 64 * 1024, `${id} ${form.name}`)
      assert.ok(!/[^\0-\xff]/.test(text), `${id} ${form.name}: more than latin1`)
    }
  })

  test('marks what could change something', () => {
    for (const { id, form } of forms) {
      const text = form.send(aim) ?? ''
      assert.equal(
        form.writes ?? false,
        !/^(?:GET|HEAD|POST|OPTIONS|CONNECT|PRI|QUERY)[ \t]/.test(text),
        `${id} ${form.name}`,
      )
    }
  })

  test('never names a secret', () => {
    for (const { form } of forms) assert.ok(!form.name.includes(genuine.slice(-20)))
  })

  test('changes every token it forges', () => {
    for (const { id, family, form } of forms)
      if (family === 'tokens')
        assert.doesNotMatch(
          form.send(aim) ?? '',
          new RegExp(`^GET /me HTTP/1.1\\r\\nHost: [^\\r]+\\r\\nAuthorization: Bearer ${genuine}\\r\\n\\r\\n`),
          `${id} ${form.name}`,
        )
  })

  test('has nothing to forge without a token, and only texts of one that is no JWT', () => {
    const opaque = forms.filter(({ family, form }) => family === 'tokens' && form.send({ ...aim, token: 'hs_x' }))
    assert.deepEqual(new Set(opaque.map(({ id }) => id)), new Set(['J12', 'J14', 'J22']))
    for (const { family, form } of forms)
      if (family === 'tokens') assert.equal(form.send({ ...aim, token: '' }), undefined)
  })
})
