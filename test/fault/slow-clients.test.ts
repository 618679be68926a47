import { drips } from './slow-clients.ts'

drips(100)
