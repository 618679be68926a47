/**
 * The tour: requests to paste, each with the answer to expect.
 *
 * @module
 */

export interface TourStop {
  /** What the request shows. */
  readonly what: string
  /** A shell line to paste. */
  readonly command: string
  /** Statuses in the order of the answers. */
  readonly expect: readonly number[]
}

/** Secrets that the tour shows: demo values, good on this machine only. */
export interface DemoSecrets {
  readonly session: string
  readonly api_key: string
}

const bearer = (name: string) => `-H "Authorization: Bearer $(npm run -s heimdall -- token ${name})"`

/** @param base URL of the gateway, without a trailing slash */
export function tour(base: string, secrets: DemoSecrets): readonly TourStop[] {
  const curl = 'curl -si'
  return [
    { what: 'anyone may see what is public', command: `${curl} ${base}/public/hello`, expect: [200] },
    { what: 'nobody is not somebody', command: `${curl} ${base}/me`, expect: [401] },
    { what: 'alice; the service is told who she is', command: `${curl} ${bearer('alice')} ${base}/me`, expect: [200] },
    {
      what: 'alice cannot pretend to be bob',
      command: `${curl} ${bearer('alice')} -H "X-Heimdall-Subject: bob" ${base}/me`,
      expect: [200],
    },
    { what: 'alice may read orders', command: `${curl} ${bearer('alice')} ${base}/orders/1`, expect: [200] },
    { what: 'but not write them', command: `${curl} -X POST ${bearer('alice')} ${base}/orders`, expect: [403] },
    { what: 'bob may', command: `${curl} -X POST ${bearer('bob')} ${base}/orders`, expect: [200] },
    {
      what: 'and he alone sees the admin pages',
      command: `${curl} ${bearer('bob')} ${base}/admin/users`,
      expect: [200],
    },
    {
      what: 'a browser session instead of a token',
      command: `${curl} -H "Cookie: heimdall_session=${secrets.session}" ${base}/me`,
      expect: [200],
    },
    { what: 'an API key', command: `${curl} -H "X-API-Key: ${secrets.api_key}" ${base}/orders/1`, expect: [200] },
    {
      what: 'five requests in ten seconds, the sixth must wait',
      command: `for i in 1 2 3 4 5 6; do ${curl} -H "X-API-Key: ${secrets.api_key}" ${base}/limited; done`,
      expect: [200, 200, 200, 200, 200, 429],
    },
    {
      what: 'a path that two programs would read differently',
      command: `${curl} --path-as-is ${base}/public/../admin/users`,
      expect: [400],
    },
  ]
}

/** The tour as `heimdall dev` prints it. */
export function printedTour(stops: readonly TourStop[]): string {
  return stops.map((stop) => `# ${stop.what}: ${stop.expect.join(' ')}\n${stop.command}`).join('\n\n')
}
