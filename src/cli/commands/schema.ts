/**
 * `heimdall schema`.
 *
 * @module
 */
import { jsonSchemaText } from '#config/json-schema.ts'

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
    io.out(jsonSchemaText().trimEnd())
    return Promise.resolve(0)
  },
}
