/**
 * One question, asked in a process of its own, so that what V8 learned from others bears on no answer.
 *
 *     node bench/micro/ask.ts NAME WARM_UP TIME     (milliseconds)
 *
 * @module
 */
import { measure } from './measure.ts'
import { questions } from './questions.ts'

const [name, warmUp, time] = process.argv.slice(2)
const question = questions.find((one) => one.name === name)
if (question === undefined) throw new RangeError(`no question ${name}`)
const subject = await question.prepare()
const found = measure(subject, { warmUp: Number(warmUp), time: Number(time) })
process.stdout.write(`${JSON.stringify(found)}\n`)
process.exit()
