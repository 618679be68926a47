import { largeBodies } from './bodies.ts'

largeBodies({ size: 32, stalls: 3 })
