/**
 * `heimdall routes`.
 *
 * @module
 */
import type { RouteConfig } from '#config/config.ts'

import type { Command } from '../command.ts'
import { configHelp, configOption, readConfig } from '../config-file.ts'

const heads = ['HOST', 'PATH', 'METHODS', 'WHO', 'REQUIRES', 'LIMITS', 'UPSTREAM', 'NAME'] as const

export const routes: Command = {
  name: 'routes',
  summary: 'Prints the routes as they will be matched, the most specific path first.',
  usage: '[--config FILE]',
  options: configOption,
  describe: configHelp,
  examples: ['npm run -s heimdall -- routes', 'npm run -s heimdall -- routes --config config/several-services.yaml'],
  run: (call, io) => {
    const loaded = readConfig(call, io)
    if (loaded === undefined) return Promise.resolve(1)
    const rows = [...loaded.config.routes].sort(bySpecificity).map(row)
    for (const line of columns([heads, ...rows])) io.out(line)
    return Promise.resolve(0)
  },
}

function row(route: RouteConfig): readonly string[] {
  return [
    route.host ?? '*',
    route.path,
    [route.methods?.join(',') ?? 'any', ...conditions(route)].join(' '),
    who(route),
    requirement(route),
    route.limits.map((limit) => limit.name).join(',') || '-',
    route.upstream,
    route.name,
  ]
}

/** Headers that the request must bring: they choose among routes of one path. */
function conditions({ headers = {} }: RouteConfig): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}=${value}`)
}

function who(route: RouteConfig): string {
  if (route.public) return 'anyone'
  return route.authenticate.join(',') + (route.optional ? ' or nobody' : '')
}

function requirement(route: RouteConfig): string {
  const parts = Object.entries(route.require ?? {}).map(([key, value]) =>
    Array.isArray(value) ? `${key} ${value.join(',')}` : `${key} ${Object.keys(value ?? {}).join(',')}`,
  )
  const shadow = route.mode === 'shadow' ? ' (shadow)' : ''
  return (parts.join('; ') || '-') + shadow
}

/** Rank of a segment in matching: a literal before a parameter before `**`. */
function rank(segment: string): number {
  if (segment === '**') return 2
  return segment.startsWith('{') ? 1 : 0
}

/** Rank of a host in matching: exact before wildcard before any. */
function hostRank(host: string | undefined): number {
  if (host === undefined) return 2
  return host.startsWith('*') ? 1 : 0
}

function bySpecificity(a: RouteConfig, b: RouteConfig): number {
  const hosts = hostRank(a.host) - hostRank(b.host) || labels(b) - labels(a) || compare(a.host ?? '', b.host ?? '')
  if (hosts !== 0) return hosts
  const [left, right] = [a.path.split('/'), b.path.split('/')]
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [one, other] = [left[index], right[index]]
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1
    const difference = rank(one) - rank(other) || compare(one, other)
    if (difference !== 0) return difference
  }
  return compare(a.methods?.join() ?? '~', b.methods?.join() ?? '~') || conditions(b).length - conditions(a).length
}

/** Of two wildcards the longer one is asked first. */
function labels({ host = '' }: RouteConfig): number {
  return host.startsWith('*') ? host.split('.').length : 0
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function columns(table: readonly (readonly string[])[]): string[] {
  const widths = heads.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)))
  return table.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
