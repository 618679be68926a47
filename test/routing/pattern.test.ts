import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { parseOrigin } from '#request/target.ts'
import { parseHost, parsePattern, routingForm } from '#routing/pattern.ts'

function shape(text: string): string {
  const pattern = parsePattern(text)
  assert.ok(typeof pattern !== 'string', `${text}: ${JSON.stringify(pattern)}`)
  return pattern.shape
}

suite('parsePattern', () => {
  test('reads literals, parameters and the rest', () => {
    assert.deepEqual(parsePattern('/a/{id}/**'), {
      segments: [{ kind: 'literal', text: 'a', written: 'a' }, { kind: 'param', name: 'id' }, { kind: 'rest' }],
      shape: 'a/?/??',
      encoded: [],
    })
  })

  test('counts a trailing slash as a last, empty segment', () => {
    assert.equal(shape('/'), '')
    assert.equal(shape('/orders'), 'orders')
    assert.equal(shape('/orders/'), 'orders/')
    assert.equal(shape('/**'), '??')
  })

  test('gives patterns that match the same paths the same shape', () => {
    assert.equal(shape('/a/{id}'), shape('/a/{name}'))
    assert.equal(shape('/%61dmin/%7euser'), shape('/admin/~user'))
    assert.equal(shape('/caf%c3%a9'), shape('/caf%C3%A9'))
    assert.equal(shape('/%40me'), shape('/@me'))
    assert.notEqual(shape('/A'), shape('/a'))
    assert.notEqual(shape('/%3F'), shape('/{id}'))
  })

  test('tells which doubtful parts a literal holds', () => {
    const pattern = parsePattern('/a%2fb;c')
    assert.ok(typeof pattern !== 'string')
    assert.deepEqual(pattern.encoded, ['slash', 'semicolon'])
  })

  const wrong: readonly (readonly [text: string, problem: RegExp])[] = [
    ['', /start with/],
    ['orders', /start with/],
    ['https://a.test/x', /start with/],
    ['/a?b=1', /query/],
    ['/a#b', /never be requested: illegal character/],
    ['/a//b', /never be requested: empty segment/],
    ['//', /never be requested: empty segment/],
    ['/a/../b', /never be requested: dot segment/],
    ['/%2e%2e/b', /never be requested: dot segment/],
    ['/{id}/.', /never be requested: dot segment/],
    ['/a\\b', /never be requested: backslash/],
    ['/caf\u00e9', /never be requested: illegal character/],
    ['/a b', /never be requested: illegal character/],
    ['/a%2', /never be requested: broken escape/],
    ['/**/a', /last segment/],
    ['/a/*', /no wildcard/],
    ['/a**', /no wildcard/],
    ['/a/{}', /whole segment/],
    ['/a/{1d}', /whole segment/],
    ['/a/x{id}', /whole segment/],
    ['/a/{id', /whole segment/],
    ['/a/{a-b}', /whole segment/],
    ['/{id}/{id}', /twice/],
  ]
  for (const [text, problem] of wrong)
    test(`refuses ${JSON.stringify(text)}`, () => {
      const outcome = parsePattern(text)
      assert.ok(typeof outcome === 'string', 'is accepted')
      assert.match(outcome, problem)
    })
})

suite('routingForm', () => {
  test('decodes what means the same escaped, once, and folds the rest to upper case', () => {
    assert.equal(routingForm('/a%40b%2b%7B%7D%24'), '/a@b+{}$')
    assert.equal(routingForm('/a%2fb%5cc%3bd%3fe%23f%00g%20h%c3%a9'), '/a%2Fb%5Cc%3Bd%3Fe%23f%00g%20h%C3%A9')
    assert.equal(routingForm('/%2540'), '/%2540')
  })

  test('is the same for every way to escape a path', () => {
    const character = fc.constantFrom(...Array.from('aZ09-._~!$&()+,=:@|{}^'))
    const written = fc.tuple(character, fc.constantFrom('plain', 'upper', 'lower')).map(([plain, how]) => {
      const hex = `%${plain.charCodeAt(0).toString(16)}`
      const escaped = { plain, upper: hex.toUpperCase(), lower: hex }[how]
      return { plain, escaped }
    })
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 12 }), (characters) => {
        const plain = parseOrigin(`/x${characters.map((one) => one.plain).join('')}`)
        const escaped = parseOrigin(`/x${characters.map((one) => one.escaped).join('')}`)
        assert.ok(plain.kind === 'pass' && escaped.kind === 'pass')
        assert.equal(routingForm(escaped.value.match), routingForm(plain.value.match))
      }),
    )
  })
})

suite('parseHost', () => {
  const rows: readonly (readonly [text: string, host: string, wildcard: boolean])[] = [
    ['api.example.com', 'api.example.com', false],
    ['API.Example.COM.', 'api.example.com', false],
    ['localhost', 'localhost', false],
    ['my_service', 'my_service', false],
    ['192.0.2.1', '192.0.2.1', false],
    ['[2001:DB8::1]', '[2001:db8::1]', false],
    ['*.Example.com', '.example.com', true],
  ]
  for (const [text, host, wildcard] of rows)
    test(`reads ${text}`, () => {
      assert.deepEqual(parseHost(text), { host, wildcard })
    })

  const wrong = [
    '',
    '*',
    '*.',
    'a.*.com',
    '**.com',
    'api.example.com:443',
    '[::1]:80',
    '::1',
    '[::g]',
    'a..b',
    '.a',
    'a/b',
    'a@b',
  ]
  for (const text of [...wrong, 'a'.repeat(254)])
    test(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.equal(typeof parseHost(text), 'string')
    })
})
