import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { managedNames, responseDrops } from '#identity/managed.ts'
import { presets } from '#identity/presets.ts'
import { collapse } from '#request/fields.ts'

const isManaged = managedNames(['heimdall', { subject: 'X-User', 'org.id': 'X-Org' }])

suite('managed names', () => {
  test('the headers of every preset are managed, whichever is in use', () => {
    for (const { name } of Object.values(presets).flat()) assert.ok(managedNames([])(collapse(name)), name)
  })

  test('the headers of a custom map are managed', () => {
    assert.ok(isManaged('X_USER'))
    assert.ok(isManaged('X_ORG'))
    assert.ok(!managedNames(['heimdall'])('X_USER'))
  })

  const forwarded = 'For Host Proto Port Prefix Uri Method Server Ssl Scheme Client-Cert By'.split(' ')
  const heimdall = ['Subject', 'Flags', 'Assertion', 'Anything', '']
  for (const name of [
    ...heimdall.map((rest) => `X-Heimdall-${rest}`),
    ...forwarded.map((rest) => `X-Forwarded-${rest}`),
    'Forwarded',
    'X-Real-Ip',
    'X-Scheme',
    'X-Client-IP',
    'X-Cluster-Client-IP',
    'X-ProxyUser-Ip',
    'True-Client-Ip',
    'CF-Connecting-IP',
    'Fastly-Client-IP',
    'X-Original-URL',
    'X-Original-Method',
    'X-Rewrite-URL',
    'X-Envoy-Original-Path',
    'X-Envoy-External-Address',
    'X-Auth-Request-Access-Token',
    'X-Anonymous-Consumer',
    'X-HTTP-Method',
    'X-HTTP-Method-Override',
    'X-Method-Override',
    'X-Request-Id',
    'traceparent',
    'tracestate',
    'Proxy',
  ])
    test(`${name} is the gateway's to send`, () => {
      assert.ok(isManaged(collapse(name)))
    })

  for (const name of [
    'Accept',
    'Content-Type',
    'Cookie',
    'User-Agent',
    'baggage',
    'X-Forward',
    'X-Requested-With',
    'X-Users',
  ])
    test(`${name} is the client's to send`, () => {
      assert.ok(!isManaged(collapse(name)))
    })
})

suite('responseDrops', () => {
  const drops = responseDrops(isManaged)

  test('drops what a client would take for the word of the gateway, in every spelling', () => {
    for (const name of ['X-Heimdall-Subject', 'x_heimdall.roles', 'X-Request-Id', 'Remote-User', 'X_USER'])
      assert.ok(drops(name), name)
  })

  test('lets through what a service says of its answer, and says so each time', () => {
    for (const name of ['Content-Type', 'Set-Cookie', 'Via', 'Server', 'Location', 'Content-Type'])
      assert.ok(!drops(name), name)
  })
})
