import { canonicalHost, canonicalOrigin } from 'rpc-kit';
import { z } from 'zod';

/** Mistakes in the environment, all of them, as sentences for the one who set it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A name, an IPv4 address or an IPv6 address in brackets, and a port. */
const HOST_PORT = /^([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}$/;

/** What stands before the URL of a service whose replicas are found by DNS: `dns+http://loms:8081`. */
export const DNS_PREFIX = 'dns+';
const isDnsUrl = (url: string): boolean => url.startsWith(DNS_PREFIX);

/** Marks a variable whose value must never be shown. */
const SECRET = { secret: true };

/** Building blocks of a service's `config.ts`. Every variable has a description; the README's table is made from them. */
export const variable = {
  port: (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback),
  milliseconds: (fallback: number, { min = 1 } = {}) => z.coerce.number().int().min(min).default(fallback),
  count: (fallback: number, { min = 1 } = {}) => z.coerce.number().int().min(min).default(fallback),
  text: (fallback?: string) => (fallback === undefined ? z.string().min(1) : z.string().min(1).default(fallback)),
  /** Endpoints of one service, separated by commas; or one with `dns+http`, all addresses behind its name. */
  httpUrls: () =>
    z
      .string()
      .transform((text) => text.split(',').map((url) => url.trim()))
      .pipe(
        z
          .array(z.url({ protocol: /^(https?|dns\+http)$/, hostname: /./ }))
          .min(1)
          .refine((urls) => urls.length === 1 || !urls.some(isDnsUrl), 'a dns+http URL has to stand alone'),
      ),
  /** Addresses of servers, separated by commas. */
  hostPorts: () =>
    z
      .string()
      .transform((text) => text.split(',').map((address) => address.trim()))
      .pipe(z.array(z.string().regex(HOST_PORT, 'expected host:port, several by commas')).min(1)),
  /** Names and addresses of this service, separated by commas, with a port or for every port. */
  hosts: () =>
    list(canonicalHost, 'is no host: expected names as shop.example or shop.example:8443, separated by commas'),
  /** Origins of web pages, separated by commas. */
  origins: () => list(canonicalOrigin, 'is no origin: expected origins as https://shop.example, separated by commas'),
  httpUrl: () => z.url({ protocol: /^https?$/, hostname: /./ }),
  /** From 0 to 1. */
  ratio: (fallback: number) => z.coerce.number().min(0).max(1).default(fallback),
  secret: () => z.string().min(1).meta(SECRET),
  /** A URL that holds a password. */
  databaseUrl: () => z.url({ protocol: /^postgres(ql)?$/ }).meta(SECRET),
  choice: <const T extends readonly [string, ...string[]]>(options: T, fallback: T[number]) =>
    z.enum(options).default(fallback as never),
};

/** @param normalize gives an item in the one spelling that it is compared in, `undefined` for one that is wrong */
function list(normalize: (item: string) => string | undefined, mistake: string) {
  const item = z.string().transform((text, context) => {
    const normal = normalize(text.trim());
    if (normal !== undefined) return normal;
    // What stands before an @ may be a password.
    const shown = text.trim().replace(/^(\w+:\/\/)?.*@/, '$1***@');
    context.addIssue({ code: 'custom', message: `"${shown}" ${mistake}` });
    return z.NEVER;
  });
  return z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(item));
}

/** The variables that every service has. */
export const commonVariables = {
  HOST: variable.text('127.0.0.1').describe('Address to listen on.'),
  ALLOWED_HOSTS: variable
    .hosts()
    .optional()
    .describe(
      'Names that browsers and proxies may use for this service besides loopback names and the bound address, separated by commas: `shop.example`, `shop.example:8443`. A request by another name is refused (421); programs may also use any IP address and any name without a dot.',
    ),
  ALLOWED_ORIGINS: variable
    .origins()
    .optional()
    .describe(
      'Origins of web pages that may call this service besides its own, separated by commas: `https://shop.example`. A request of another page is refused (403).',
    ),
  LOG_LEVEL: variable
    .choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info')
    .describe('The least level of log lines that are written.'),
  DATABASE_URL: variable
    .databaseUrl()
    .describe("Postgres, or the pgbouncer in front of it, with the service's own role."),
  DATABASE_POOL_MAX: variable.count(10).describe('Connections of one process to its database.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable
    .httpUrl()
    .optional()
    .describe('The collector that traces are sent to, by OTLP over HTTP. Without it nothing is traced.'),
  TRACES_SAMPLED_RATIO: variable
    .ratio(1)
    .describe('The part of the traces begun here that is recorded; a call that belongs to a trace does as its caller.'),
  PROFILE_DIR: variable
    .text()
    .optional()
    .describe(
      'The folder for profiles of the running process, and for the socket to ask for them. Without it there are none.',
    ),
};

/**
 * Reads the environment once and reports every mistake at once. An empty variable counts as not set.
 * @throws {ConfigError}
 */
export function loadConfig<S extends z.ZodObject>(
  schema: S,
  environment: NodeJS.ProcessEnv = process.env,
): z.output<S> {
  const given = Object.entries(environment).filter(([name, value]) => name in schema.shape && value !== '');
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const missing = !(name in Object.fromEntries(given));
    return missing ? `${name} is not set` : `${name} is wrong: ${issue.message}`;
  });
  throw new ConfigError(`${mistakes.join('; ')}. The README's table of variables says what each is for.`);
}

/** The configuration for the start-up log, with secrets masked. */
export function maskSecrets(schema: z.ZodObject, config: Record<string, unknown>): Record<string, unknown> {
  const isSecret = (name: string): boolean => innermost(schema.shape[name] as z.ZodType).meta()?.secret === true;
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, isSecret(name) ? '***' : value]));
}

/** What the documentation says of one variable. */
export interface DescribedVariable {
  readonly name: string;
  readonly required: boolean;
  readonly fallback: string | undefined;
  readonly meaning: string;
}

export function describeConfig(schema: z.ZodObject): DescribedVariable[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const absent = (field as z.ZodType).safeParse(undefined);
    const fallback = absent.success && absent.data !== undefined ? String(absent.data) : undefined;
    return { name, required: !absent.success, fallback, meaning: (field as z.ZodType).description ?? '' };
  });
}

/** Metadata sits on the schema that it was given to; a description or a default put around it hides it. */
function innermost(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? innermost(schema.unwrap() as z.ZodType)
    : schema;
}
