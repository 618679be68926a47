/**
 * Requests of which no two are the same: each line of a file is the value of one header, sent once.
 * As many connections as told, each asking again as soon as it is answered. Prints the count and the seconds, as JSON.
 *
 *     node bench/proxy/loads/list.ts URL HEADER FILE CONNECTIONS
 *
 * @module
 */
import { readFileSync } from 'node:fs'

import { openConnection, type Connection } from './connection.ts'

const [url = '', header = '', file = '', connections = '64'] = process.argv.slice(2)
const { hostname, port, host, pathname, search } = new URL(url)
const head = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${header}: `
const values = readFileSync(file, 'latin1').trimEnd().split('\n')

let [next, answered] = [0, 0]
const statuses = new Map<number, number>()
const open: Connection[] = []
const began = performance.now()

function advance(connection: Connection): void {
  const value = values[next]
  if (value === undefined) return
  next += 1
  connection.send(`${head}${value}\r\n\r\n`)
}

function note(connection: Connection, status: number): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1)
  answered += 1
  if (answered < values.length) {
    advance(connection)
    return
  }
  const seconds = (performance.now() - began) / 1000
  for (const one of open) one.close()
  process.stdout.write(JSON.stringify({ requests: answered, seconds, statuses: Object.fromEntries(statuses) }))
}

for (let index = 0; index < Number(connections); index += 1) {
  const connection = openConnection({ host: hostname, port: Number(port) }, (status) => note(connection, status))
  open.push(connection)
  advance(connection)
}
