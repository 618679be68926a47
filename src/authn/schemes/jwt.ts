import { defineScheme } from '../scheme.ts'
import { jwtOptions } from '../jwt/options.ts'

export const jwt = defineScheme({
  name: 'jwt',
  options: jwtOptions,
  create: () => {
    throw new TypeError('in progress')
  },
})
