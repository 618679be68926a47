/** What it costs to find the route of a request among few and among many. @module */
import { match } from '#routing/match.ts'
import { buildTable } from '#routing/table.ts'

import { subject, type Question } from '../question.ts'
import { admitted } from '../wire.ts'

const shapes = ['', '/{id}', '/{id}/items/**', '/{id}/parts/{part}', '/reports/**']

function among(count: number): Question {
  return {
    name: `routing/match-${count}`,
    asks: `to find the route among ${count}`,
    prepare() {
      const paths = Array.from({ length: count / shapes.length }, (_, index) =>
        shapes.map((shape) => `/api/service-${index}${shape}`),
      ).flat()
      const table = buildTable(
        paths.map((path) => ({ name: path, path, methods: ['GET'], allow_encoded: [], route: path })),
      )
      const url = `/api/service-${count / shapes.length - 1}/4711/items/9`
      return subject(admitted({ url }), (request) => match(table, request))
    },
  }
}

export const routing: readonly Question[] = [among(10), among(1000), among(10_000)]
