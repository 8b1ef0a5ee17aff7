import { readFileSync } from 'node:fs';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { type HedgingDelay, parseFaults } from 'rpc-kit';
import { canonicalHost, canonicalOrigin, checkPeerUrl, describeWrong, parseHttpUrl } from 'rpc-kit/urls';
import { describeWhole, parseWhole, type WholeRange } from 'rpc-kit/whole-number';
import { z } from 'zod';
import { parseDatabaseUrl } from './database/database-url.ts';
import { parseMethodLimits } from './serving/method-limit.ts';

/** Prefix of a URL whose replicas are found by DNS: `dns+http://loms:8081`, `dns+grpcs://loms:9081`. */
export const DNS_PREFIX = 'dns+';

/** Metadata for the documentation and the start-up log. */
interface VariableMeta {
  /** The value is masked everywhere. */
  readonly secret?: boolean;
  /** The accepted values. */
  readonly values?: string;
}

export const metaOf = (schema: z.ZodType): VariableMeta => (innermost(schema).meta() ?? {}) as VariableMeta;

/** zod keeps metadata on the schema that it was set on; a default or optional wrapper hides it. */
function innermost(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? innermost(schema.unwrap() as z.ZodType)
    : schema;
}

const PORT = { min: 0, max: 65_535 };
const REMOTE_PORT = { min: 1, max: 65_535 };
/** A day: an older answer would be wrong rather than cached. */
const CACHE_AGE_MS_MAX = 86_400_000;

/** Building blocks of a service's `config.ts`. Their descriptions become the README's table. */
export const variable = {
  whole,
  port: (fallback: number) => whole(fallback, PORT),
  /** A port without a default. */
  anyPort: () => wholeWithin(PORT),
  cacheAge: (fallback: number) => whole(fallback, { min: 0, max: CACHE_AGE_MS_MAX }),
  ratio: (fallback: number) =>
    parsed(parseRatio)
      .meta({ values: '0–1' } satisfies VariableMeta)
      .default(fallback),
  /** Faults injected on purpose. */
  faults: () => parsed(parseFaults).meta({ values: 'method:kind:share:value, …' } satisfies VariableMeta),
  /** Limits of methods, over all replicas. */
  methodLimits: () =>
    parsed(parseMethodLimits).meta({ values: 'method:calls/s, method:calls/min, …' } satisfies VariableMeta),
  /** When slow reads are sent a second time. */
  hedge: () =>
    parsed(parseHedge)
      .meta({ values: `off, p50–p99, ${HEDGE_MS.min}–${HEDGE_MS.max}` } satisfies VariableMeta)
      .default('off'),
  text: () => z.string().refine(isFilled, BLANK),
  host: (fallback: string) => parsed(parseHost).default(fallback),
  file: () => parsed(parseFile),
  /** Endpoints of one service, separated by commas; or one URL with the prefix `dns+`, which means all addresses of its name. */
  peerUrls: () =>
    parsed((text) => parseList(text, parseEndpoint, refuseSharedDns)).meta({
      values: `URLs (http, https, grpc, grpcs; with dns+ before them)${USERINFO}`,
    } satisfies VariableMeta),
  /** Addresses of servers, separated by commas. */
  hostPorts: () =>
    parsed((text) => parseList(text, parseHostPort)).meta({
      values: 'host:port, ports 1–65535',
    } satisfies VariableMeta),
  httpUrl: () => parsed(parseSingleUrl).meta({ values: `URL (http, https)${USERINFO}` } satisfies VariableMeta),
  /** A URL that everybody may read: it names this system in tokens and documents, and is not called. */
  publicUrl: () => parsed(parsePublicUrl).meta({ values: 'URL (http, https) without userinfo' } satisfies VariableMeta),
  /** Names and addresses of this service, separated by commas; without a port, they hold for every port. */
  hosts: () =>
    parsed((text) =>
      parseNames(text, parseAllowedHost, 'names as shop.example or shop.example:8443, separated by commas'),
    ),
  /** IP addresses and networks in CIDR notation, separated by commas. */
  networks: () =>
    parsed((text) => parseList(text, parseNetwork)).meta({
      values: 'IP addresses, networks as 10.0.0.0/8',
    } satisfies VariableMeta),
  /** Origins of web pages, separated by commas. */
  origins: () =>
    parsed((text) => parseNames(text, canonicalOrigin, 'origins as https://shop.example, separated by commas')),
  collectorUrl: () =>
    parsed(parseCollectorUrl).meta({ values: `URL (http, https) without a query${USERINFO}` } satisfies VariableMeta),
  secret: () => z.string().refine(isFilled, BLANK).meta(SECRET),
  /** Secret, because the URL holds a password. */
  databaseUrl: () => parsed(parseDatabaseUrl).meta(SECRET),
  choice: <const T extends readonly [string, ...string[]]>(options: T, fallback: T[number]) =>
    z
      .enum(options, { error: ({ input }) => refusal(String(input), `one of ${options.join(', ')}`) })
      .meta({ values: options.join(', ') } satisfies VariableMeta)
      .default(fallback as never),
};

const USERINFO = '; its userinfo is sent as Basic authentication';
const SECRET = { secret: true } satisfies VariableMeta;
const isFilled = (text: string): boolean => text.trim() !== '';
const BLANK = 'it is blank';

function whole(fallback: number, range: WholeRange) {
  return wholeWithin(range).default(fallback);
}

function wholeWithin(range: WholeRange) {
  const parse = (text: string): number => {
    const number = parseWhole(text, range);
    if (number === undefined) throw new TypeError(refusal(text, describeWhole(range)));
    return number;
  };
  const values = `${range.min}–${range.max}`;
  return parsed(parse).meta({ values } satisfies VariableMeta);
}

/** @param parse throws a TypeError whose message continues the variable's name: "PORT is wrong: it …" */
function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}

const refusal = (text: string, expected: string): string => `it ${describeWrong(text, expected)}`;

const HEDGE_PERCENTILE = /^p([5-9]\d)$/;
/** The longest timeout of a contract that only reads is shorter than a minute. */
const HEDGE_MS = { min: 1, max: 60_000 };

function parseHedge(text: string): 'off' | HedgingDelay {
  if (text === 'off') return text;
  const [, percentile] = HEDGE_PERCENTILE.exec(text) ?? [];
  if (percentile !== undefined) return { afterPercentile: Number(percentile) };
  const afterMs = parseWhole(text, HEDGE_MS);
  if (afterMs !== undefined) return { afterMs };
  throw new TypeError(
    refusal(text, `off, a percentile from p50 to p99, or milliseconds from ${HEDGE_MS.min} to ${HEDGE_MS.max}`),
  );
}

const RATIO = /^\d(\.\d{1,15})?$/;

function parseRatio(text: string): number {
  const ratio = RATIO.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw new TypeError(refusal(text, 'a number from 0 to 1, such as 0.25'));
}

/** RFC 1035, section 2.3.4. */
const HOST_NAME = /^[\w-]{1,63}(\.[\w-]{1,63})*\.?$/;

/** The last label of a name is never numeric (RFC 3696, section 2), so such a text is a mistyped address. */
const NUMERIC_END = /(^|\.)\d+\.?$/;
const isHostName = (text: string): boolean => HOST_NAME.test(text) && !NUMERIC_END.test(text);

/** @returns an IPv6 address without the brackets of URLs */
function parseHost(text: string): string {
  const host = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0) return host;
  if (isHostName(text)) return text;
  throw new TypeError(refusal(text, 'a name or an IP address to listen on, without a port'));
}

function parseFile(text: string): string {
  try {
    readFileSync(text);
    return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TypeError(refusal(text, `a file that can be read (${code})`));
  }
}

function parseList(text: string, parse: (item: string) => string, checkAll?: (items: string[]) => void): string[] {
  const items = text.split(',').map((item) => item.trim());
  const list = items.map((item, index) => {
    const place = items.length === 1 ? '' : `in place ${index + 1}, `;
    if (item === '') throw new TypeError(`${place}nothing stands between the commas`);
    try {
      return parse(item);
    } catch (error) {
      throw new TypeError(`${place}${(error as Error).message}`);
    }
  });
  // http://a, http://a/ and HTTP://A:80 are one endpoint.
  const spellings = list.map((item) => URL.parse(item)?.href ?? item);
  const twice = spellings.findIndex((item, index) => spellings.indexOf(item) !== index);
  if (twice >= 0) throw new TypeError(`place ${twice + 1} repeats an earlier one`);
  checkAll?.(list);
  return list;
}

/** @param normalize returns the spelling used for comparison, or `undefined` for a wrong item */
function parseNames(text: string, normalize: (item: string) => string | undefined, expected: string): string[] {
  return text.split(',').map((untrimmed) => {
    const item = untrimmed.trim();
    const normal = normalize(item);
    if (normal !== undefined) return normal;
    throw new TypeError(refusal(item, expected));
  });
}

function parseSingleUrl(text: string): string {
  parseHttpUrl(text);
  return text;
}

function parsePublicUrl(text: string): string {
  if (parseHttpUrl(text).authorization === undefined) return text;
  throw new TypeError('everybody may read this URL: leave out the user name and the password');
}

function parseEndpoint(text: string): string {
  const isDns = /^dns\+(?:https?|grpcs?):/i.test(text);
  const url = isDns ? text.slice(DNS_PREFIX.length) : text;
  // http://a/;http://b would parse as one endpoint with a strange path.
  if (text.split('://').length > 2) throw new TypeError('several URLs are separated by commas');
  checkPeerUrl(url);
  return isDns ? `${DNS_PREFIX}${url}` : url;
}

function refuseSharedDns(urls: string[]): void {
  if (urls.length > 1 && urls.some((url) => url.startsWith(DNS_PREFIX))) {
    throw new TypeError(`a URL with ${DNS_PREFIX} has to stand alone`);
  }
}

/** URLs read 8080 as the address 0.0.31.144; here it is a port without its name. */
function parseAllowedHost(item: string): string | undefined {
  const host = item.replace(/:\d+$/, '');
  return NUMERIC_END.test(host) && !isIPv4(host) ? undefined : canonicalHost(item);
}

const HOST_PORT = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d+)$/i;

function parseHostPort(text: string): string {
  const [, v6, name = '', port = ''] = HOST_PORT.exec(text) ?? [];
  const isHost = v6 === undefined ? isHostName(name) || isIPv4(name) : isIPv6(v6);
  if (isHost && parseWhole(port, REMOTE_PORT) !== undefined) return text;
  throw new TypeError(refusal(text, `host:port with a port from ${REMOTE_PORT.min} to ${REMOTE_PORT.max}`));
}

const NETWORK = /^([\da-f:.]+)\/(\d{1,3})$/i;

function parseNetwork(text: string): string {
  if (isIP(text) !== 0) return text;
  const [, address = '', bits] = NETWORK.exec(text) ?? [];
  const family = isIP(address);
  if (family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)) return text;
  throw new TypeError(refusal(text, 'an IP address or a network such as 10.0.0.0/8'));
}

/** The SDK appends /v1/traces to the unparsed text, so a query would end up in the path. */
function parseCollectorUrl(text: string): string {
  if (parseHttpUrl(text).search === '') return text;
  throw new TypeError('a collector takes no query: leave out what begins with the ?');
}
