/**
 * `heimdall schema`.
 *
 * @module
 */
import { jsonSchema } from '#config/json-schema.ts'

import type { Command } from '../command.ts'

export const schema: Command = {
  name: 'schema',
  summary: 'Prints the JSON Schema of the file, for editors.',
  usage: '',
  about: 'A file that begins with `# yaml-language-server: $schema=PATH` is completed and checked by most editors.',
  options: {},
  describe: {},
  examples: ['npm run -s heimdall -- schema > config/heimdall.schema.json'],
  run: (_call, io) => {
    io.out(JSON.stringify(jsonSchema(), null, 2))
    return Promise.resolve(0)
  },
}
