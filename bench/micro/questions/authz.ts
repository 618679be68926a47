/** What it costs to authorize an identity that the route has seen before. @module */
import { authorize } from '#authz/authorize.ts'
import { newEvidence } from '#request/evidence.ts'

import { numbers, subject, type Question } from '../question.ts'
import { alice } from '../wire.ts'

export const authz: readonly Question[] = [
  {
    name: 'authz/authorize',
    asks: 'to authorize an identity seen before',
    prepare() {
      const stage = authorize({ permissions: ['orders:read'] }, { shadow: false })
      const evidence = newEvidence('r', 't')
      return subject(numbers, () => stage(alice, evidence))
    },
  },
]
