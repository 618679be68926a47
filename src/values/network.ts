/**
 * Addresses, networks and URLs as the file writes them.
 *
 * @module
 */
import { BlockList, isIP, isIPv6 } from 'node:net'
import { z } from 'zod'

function isCidr(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  if (rest.length > 0 || isIP(address) === 0 || address.includes('%')) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv6(address) ? 128 : 32))
}

/** Schema of an address or network such as `10.0.0.0/8` or `::1`. */
export function cidr() {
  return z.string().refine(isCidr, 'must be an address or a network such as 10.0.0.0/8 or ::1')
}

/** Where a listener listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

const addressPattern = /^(?:(\[[0-9a-fA-F:.]+\]|[\w.-]+):)?(\d{1,5})$/

function addressOf(text: string): Address {
  const [, host = '0.0.0.0', port] = addressPattern.exec(text) ?? []
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}

/** Schema of `HOST:PORT`; port 0 asks the system for a free one. */
export function address() {
  return z
    .string('must be HOST:PORT')
    .regex(addressPattern, 'must be HOST:PORT such as 0.0.0.0:8080')
    .refine(
      (text) => !/^\[.*\]:\d+$/.test(text) || isIPv6(addressOf(text).host),
      'has brackets around what is not IPv6',
    )
    .refine((text) => !(addressOf(text).port > 65_535), 'has a port above 65535')
    .transform(addressOf)
}

// The WHATWG parser forgives more than people mean: `http:host`, blanks at the ends, backslashes.
const urlPattern = /^https?:\/\/[^\s\\#]+$/i

function isHttpUrl(text: string): boolean {
  if (!urlPattern.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}

/** Schema of an absolute http or https URL without user information or fragment. */
export function httpUrl() {
  return z.string().refine(isHttpUrl, 'must be an http:// or https:// URL without user or fragment')
}

const loopback = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i

/** True for names and addresses that never leave the machine. */
export function isLoopback(host: string): boolean {
  return loopback.test(host)
}

const here = new BlockList()
here.addSubnet('127.0.0.0', 8, 'ipv4')
here.addSubnet('0.0.0.0', 8, 'ipv4') // connects to loopback
here.addAddress('::1', 'ipv6')
here.addAddress('::', 'ipv6')

/** True for this machine in every spelling that connects to it, also `0.0.0.0` and IPv4 within IPv6; `host` may have brackets. */
export function isThisMachine(host: string): boolean {
  return isLoopback(host) || isIn(here, host)
}

/**
 * Where clouds hand credentials to whatever runs on a machine: the whole link-local range (RFC 3927, RFC 4291 §2.5.6),
 * and the addresses outside of it that some clouds chose.
 */
const metadata = new BlockList()
const outside = [
  '100.100.100.200', // Alibaba Cloud
  '168.63.129.16', // Azure
  '192.0.0.192', // Oracle Cloud
]
metadata.addSubnet('169.254.0.0', 16, 'ipv4')
metadata.addSubnet('fe80::', 10, 'ipv6')
metadata.addSubnet('fd00:ec2::', 32, 'ipv6') // AWS: the metadata of instances, the credentials of pods
metadata.addAddress('fd20:ce::254', 'ipv6') // Google Cloud
metadata.addSubnet('64:ff9b::169.254.0.0', 112, 'ipv6') // by NAT64 (RFC 6052)
for (const address of outside) {
  metadata.addAddress(address, 'ipv4')
  metadata.addAddress(`64:ff9b::${address}`, 'ipv6')
}

/** True for addresses that no service but a cloud's own has; `host` may have brackets, names are never one. */
export function isMetadata(host: string): boolean {
  return isIn(metadata, host)
}

function isIn(networks: BlockList, host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  return isIP(address) !== 0 && networks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
