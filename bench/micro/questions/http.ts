/** What it costs to put a refusal into words. @module */
import { composeRefusal } from '#http/respond.ts'
import { deny } from '#request/verdict.ts'

import { numbers, subject, type Question } from '../question.ts'

export const http: readonly Question[] = [
  {
    name: 'http/refusal',
    asks: 'to compose a refusal',
    prepare() {
      const refusal = deny('no_credentials', 'tried acme')
      const headers = { 'X-Request-Id': 'r'.repeat(24) }
      return subject(numbers, (turn) =>
        composeRefusal(refusal, { request_id: `r${turn}`, challenge: 'Bearer realm="heimdall"', headers }),
      )
    },
  },
]
