/**
 * For `node --import`: keeps a list of every file that the process loads, and writes it to `LOADED_TO` when it exits.
 * Built-in modules are listed by the names that Node has for them, its own inner ones too.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const loaded = new Set<string>()

registerHooks({
  load(url, context, next) {
    loaded.add(url)
    return next(url, context)
  },
})

process.on('exit', () => {
  const inner = (process as unknown as { moduleLoadList: readonly string[] }).moduleLoadList
  writeFileSync(process.env['LOADED_TO'] ?? '', JSON.stringify([...loaded, ...inner]))
})
