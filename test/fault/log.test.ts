import { logsThatNobodyTakes } from './log.ts'

logsThatNobodyTakes(300, ['full', 'closed, and standard error too'])
