import { drainAtFullLoad } from './drain.ts'

drainAtFullLoad({ clients: 20, slow: 10, sockets: 5 })
