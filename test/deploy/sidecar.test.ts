import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { parseAllDocuments } from 'yaml'
import { z } from 'zod'

import { loadConfig } from '#config/load.ts'

const text = readFileSync(join(import.meta.dirname, '../../deploy/kubernetes/sidecar.yaml'), 'utf8')
const documents = parseAllDocuments(text)
const objects = documents.map((document) => z.looseObject({ kind: z.string() }).parse(document.toJS()))

function objectOf<T extends z.ZodType>(kind: string, schema: T): z.output<T> {
  return schema.parse(objects.find((object) => object.kind === kind))
}

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.number() }) })
const container = z.object({
  name: z.string(),
  restartPolicy: z.string().optional(),
  startupProbe: probe.optional(),
  readinessProbe: probe.optional(),
  livenessProbe: probe.optional(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
  lifecycle: z.object({ preStop: z.object({ sleep: z.object({ seconds: z.number() }) }) }).optional(),
  resources: z.object({ requests: z.record(z.string(), z.string()), limits: z.object({ memory: z.string() }) }),
  securityContext: z.unknown(),
  volumeMounts: z
    .array(z.object({ mountPath: z.string(), readOnly: z.boolean(), subPath: z.string().optional() }))
    .optional(),
})
const deployment = objectOf(
  'Deployment',
  z.object({
    spec: z.object({
      selector: z.object({ matchLabels: z.unknown() }),
      template: z.object({
        metadata: z.object({ labels: z.unknown() }),
        spec: z.object({
          terminationGracePeriodSeconds: z.number(),
          automountServiceAccountToken: z.boolean(),
          securityContext: z.unknown(),
          initContainers: z.tuple([container]),
          containers: z.tuple([container]),
        }),
      }),
    }),
  }),
)
const pod = deployment.spec.template.spec
const [gateway] = pod.initContainers
const [app] = pod.containers

const { data } = objectOf('ConfigMap', z.object({ data: z.record(z.string(), z.string()) }))
const { stringData: secrets } = objectOf('Secret', z.object({ stringData: z.record(z.string(), z.string()) }))

/** The gateway's file as the pod would see it. */
function loaded() {
  const files = new Map([
    ['/etc/heimdall/heimdall.yaml', data['heimdall.yaml'] ?? ''],
    ...Object.entries(secrets).map(([name, value]) => [`/run/secrets/heimdall/${name}`, value] as const),
  ])
  const readFile = (path: string) => {
    const found = files.get(path)
    if (found === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
    return found
  }
  return loadConfig('/etc/heimdall/heimdall.yaml', { env: {}, readFile, listFolder: () => [] })
}

suite('the Kubernetes sidecar', () => {
  test('is valid YAML without duplicate keys', () => {
    assert.deepEqual(
      documents.flatMap((document) => [...document.errors, ...document.warnings]),
      [],
    )
  })

  test('brings a file that the gateway accepts, with the secrets that are mounted', () => {
    const result = loaded()
    assert.deepEqual('problems' in result ? result.problems : [], [])
    assert.ok('config' in result)
    assert.equal(result.config.listen.port, 8080)
    assert.equal(result.config.probes.port, 9091)
    assert.deepEqual(result.warnings, [])
  })

  test('starts the gateway before the application and ends it after', () => {
    assert.equal(gateway.name, 'heimdall')
    assert.equal(gateway.restartPolicy, 'Always')
    assert.deepEqual(gateway.startupProbe?.httpGet, { path: '/readyz', port: 9091 })
  })

  test('asks the probes listener whether it is ready and whether it lives', () => {
    assert.deepEqual(gateway.readinessProbe?.httpGet, { path: '/readyz', port: 9091 })
    assert.deepEqual(gateway.livenessProbe?.httpGet, { path: '/livez', port: 9091 })
  })

  test('leaves more time to end than the application’s pause and the gateway’s grace need together', () => {
    const result = loaded()
    assert.ok('config' in result)
    const needed = (app.lifecycle?.preStop.sleep.seconds ?? 0) + result.config.grace / 1000
    assert.ok(pod.terminationGracePeriodSeconds >= needed + 15, `${needed} s`)
  })

  test('lets nobody but the gateway reach the application', () => {
    assert.ok(app.env?.some(({ name, value }) => name === 'HOST' && value === '127.0.0.1'))
    const result = loaded()
    assert.ok('config' in result)
    const service = objectOf(
      'Service',
      z.object({
        spec: z.object({ selector: z.unknown(), ports: z.array(z.looseObject({ targetPort: z.number() })) }),
      }),
    )
    assert.deepEqual(
      service.spec.ports.map(({ targetPort }) => targetPort),
      [8080],
    )
    const rule = z.object({
      from: z.array(z.unknown()).optional(),
      ports: z.array(z.looseObject({ port: z.number() })),
    })
    const { spec } = objectOf(
      'NetworkPolicy',
      z.object({
        spec: z.object({ podSelector: z.unknown(), policyTypes: z.array(z.string()), ingress: z.array(rule) }),
      }),
    )
    assert.deepEqual(spec.policyTypes, ['Ingress'])
    assert.deepEqual(
      spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
      [8080, 9091],
    )
    assert.notEqual(spec.ingress[1]?.from, undefined, 'metrics are not for everybody')
  })

  test('selects the same pods everywhere', () => {
    const labels = { app: 'orders' }
    assert.deepEqual(deployment.spec.selector.matchLabels, labels)
    assert.deepEqual(deployment.spec.template.metadata.labels, labels)
    const selector = (kind: string, schema: z.ZodType) => objectOf(kind, z.object({ spec: schema }))
    assert.deepEqual(selector('Service', z.object({ selector: z.unknown() })), { spec: { selector: labels } })
    assert.deepEqual(selector('NetworkPolicy', z.object({ podSelector: z.unknown() })), {
      spec: { podSelector: { matchLabels: labels } },
    })
  })

  test('runs under the restricted pod security standard', () => {
    assert.equal(pod.automountServiceAccountToken, false)
    assert.deepEqual(pod.securityContext, {
      runAsNonRoot: true,
      runAsUser: 65_532,
      runAsGroup: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const { securityContext } of [gateway, app]) {
      assert.deepEqual(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
    }
  })

  test('mounts whole folders, read-only, so that edits arrive', () => {
    assert.deepEqual(gateway.volumeMounts, [
      { mountPath: '/etc/heimdall', readOnly: true },
      { mountPath: '/run/secrets/heimdall', readOnly: true },
    ])
    assert.doesNotMatch(text, /secretKeyRef/)
  })
})
