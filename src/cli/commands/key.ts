/**
 * `heimdall key create` and `heimdall key revoke`.
 *
 * @module
 */
import { newApiKey } from '#directory/secrets.ts'
import { createApiKey, revokeApiKey, type NewApiKey } from '#stores/writes.ts'
import { milliseconds } from '#values/units.ts'

import { text, type Call, type Command, type Io } from '../command.ts'
import { configHelp, configOption } from '../config-file.ts'
import { withDatabase } from '../database.ts'

export const key: Command = {
  name: 'key',
  summary: 'Creates or revokes an API key.',
  usage: 'create --subject NAME [options] | revoke ID',
  operands: 2,
  about:
    'The key is printed once, by `create`; only its digest is stored. A revoked key is refused everywhere within 5 seconds.',
  options: {
    ...configOption,
    subject: { type: 'string' },
    name: { type: 'string' },
    tenant: { type: 'string' },
    roles: { type: 'string' },
    permissions: { type: 'string' },
    expires: { type: 'string' },
  },
  describe: {
    ...configHelp,
    subject: 'whose key it is: a person or a service',
    name: 'what it is for, as the service will see it',
    tenant: 'the tenant it belongs to',
    roles: 'roles, with commas between',
    permissions: 'permissions, with commas between',
    expires: 'how long it is good, such as 90d; for ever unless told',
  },
  examples: [
    'npm run -s heimdall -- key create --subject reports --permissions orders:read --expires 90d',
    'npm run -s heimdall -- key revoke 3kfm2x7q5zab',
  ],
  run(call, io) {
    const [action, id] = call.positionals
    if (action === 'create') return create(call, io)
    if (action === 'revoke' && id !== undefined) return revoke(id, call, io)
    io.err('heimdall key: say `create --subject NAME` or `revoke ID`; --help shows more')
    return Promise.resolve(2)
  },
}

function create(call: Call, io: Io): Promise<number> {
  const subject = text(call, 'subject') ?? ''
  const expires = text(call, 'expires')
  const lifetime = expires === undefined ? undefined : milliseconds(expires)
  if (subject === '' || Number.isNaN(lifetime)) {
    io.err(`heimdall key create: ${subject === '' ? 'needs --subject' : '--expires must be a duration such as 90d'}`)
    return Promise.resolve(2)
  }
  const wanted: NewApiKey = {
    subject,
    roles: listed(text(call, 'roles')),
    permissions: listed(text(call, 'permissions')),
    ...named('name', text(call, 'name')),
    ...named('tenant', text(call, 'tenant')),
    ...(lifetime !== undefined && { expires_at: io.clock() + lifetime }),
  }
  return withDatabase(call, io, async (db) => {
    const made = newApiKey()
    await createApiKey(db, made, wanted)
    io.out(made.value)
    io.err(`id ${made.id}; this is the only time the key is shown`)
    return 0
  })
}

function revoke(id: string, call: Call, io: Io): Promise<number> {
  return withDatabase(call, io, async (db) => {
    const revoked = await revokeApiKey(db, id)
    if (revoked) io.out(`revoked ${id}`)
    else io.err(`heimdall key revoke: no key ${id} that could still be used`)
    return revoked ? 0 : 1
  })
}

function listed(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((part) => part !== '')
}

function named<K extends string>(name: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, string>)
}
