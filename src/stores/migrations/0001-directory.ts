/**
 * The directory: people, roles, grants, sessions, API keys, and a role of the database that can only read them.
 *
 * @module
 */
import { sql, type Kysely } from 'kysely'

const statements = [
  sql`create table heimdall.users (
    issuer text not null default 'heimdall',
    id text not null,
    email text,
    name text,
    tenant text,
    state text not null default 'active' check (state in ('active', 'disabled')),
    created_at timestamptz not null default now(),
    primary key (issuer, id)
  )`,
  sql`create table heimdall.roles (
    name text primary key,
    description text
  )`,
  sql`create table heimdall.role_permissions (
    role text not null references heimdall.roles (name) on delete cascade,
    permission text not null,
    primary key (role, permission)
  )`,
  sql`create table heimdall.grants (
    issuer text not null,
    subject text not null,
    kind text not null check (kind in ('role', 'permission')),
    value text not null,
    primary key (issuer, subject, kind, value)
  )`,
  sql`create table heimdall.sessions (
    id text primary key,
    digest text not null unique check (digest ~ '^[0-9a-f]{64}$'),
    subject text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz
  )`,
  sql`create index sessions_subject on heimdall.sessions (subject)`,
  sql`create table heimdall.api_keys (
    id text primary key,
    digest text not null unique check (digest ~ '^[0-9a-f]{64}$'),
    subject text not null,
    name text,
    tenant text,
    roles text[] not null default '{}',
    permissions text[] not null default '{}',
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
  )`,
  sql`create index api_keys_subject on heimdall.api_keys (subject)`,
]

// Roles belong to the whole cluster: another database may have made it, and the owner of this one may not be allowed to.
const readOnlyRole = sql`do $$
begin
  begin
    create role heimdall_gateway nologin;
  exception
    when duplicate_object or unique_violation or insufficient_privilege then null;
  end;
  if exists (select from pg_roles where rolname = 'heimdall_gateway') then
    grant usage on schema heimdall to heimdall_gateway;
    grant select on all tables in schema heimdall to heimdall_gateway;
  end if;
end
$$`

/** Makes the tables of the directory. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db)
  await readOnlyRole.execute(db)
}
