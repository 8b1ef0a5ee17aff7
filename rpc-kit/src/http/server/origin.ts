import { isIPv6 } from 'node:net';

/** One spelling for origins and hosts, so that they can be compared: small letters, IDNs as Punycode, no default port. */

const ORIGIN = /^https?:\/\/[^\s/?#@\\]+$/i;
const HOST = /^[^\s/?#@\\]+$/;
const HOSTNAME = /^(\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*)\.?$/;

/** The origin of a web page, e.g. `https://shop.example`; `undefined` for any other text, also for `null` and `*`. */
export function canonicalOrigin(text: string): string | undefined {
  const url = ORIGIN.test(text) ? URL.parse(text) : null;
  return url && HOSTNAME.test(url.hostname) ? url.origin : undefined;
}

/** A host as `shop.example` or `shop.example:8443`, an IPv6 address in brackets; `undefined` for any other text. */
export function canonicalHost(text: string): string | undefined {
  const authority = isIPv6(text) ? `[${text}]` : text;
  const url = HOST.test(authority) ? URL.parse(`http://${authority}`) : null;
  if (!url || !HOSTNAME.test(url.hostname)) return undefined;
  const name = url.hostname.replace(/\.$/, '');
  return /:\d+$/.test(authority) ? `${name}:${url.port || '80'}` : name;
}
