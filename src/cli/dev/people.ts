/**
 * The people of the demo.
 *
 * @module
 */

export interface DemoPerson {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly role: string
}

export const people: readonly DemoPerson[] = [
  { id: 'alice', name: 'Alice Arden', email: 'alice@demo.test', role: 'user' },
  { id: 'bob', name: 'Bob Bell', email: 'bob@demo.test', role: 'admin' },
]

/** What the roles of the demo may do. */
export const demoRoles: Readonly<Record<string, readonly string[]>> = {
  user: ['orders:read'],
  admin: ['*'],
}

export function findPerson(id: string): DemoPerson | undefined {
  return people.find((person) => person.id === id)
}
