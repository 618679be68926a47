/** What the first look at a request costs: eight usual headers, a bearer token and a cookie. @module */
import { admit } from '#request/admit.ts'

import { subject, type Question } from '../question.ts'
import { fromWire } from '../wire.ts'

const headers = ['Authorization', 'Bearer e30.e30.e30', 'Cookie', 'theme=dark; lang=en']

export const request: readonly Question[] = [
  {
    name: 'request/admit',
    asks: 'to admit a request with ten headers',
    prepare: () => subject(fromWire({ url: '/orders/4711?page=2', headers }), admit),
  },
]
