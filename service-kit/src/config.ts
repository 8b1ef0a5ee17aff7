import { hideUrlSecrets } from 'rpc-kit/urls';
import type { z } from 'zod';
import { metaOf, variable } from './variables.ts';

/** Mistakes in the environment, all of them, as sentences for the one who set it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** pgbouncer takes 300 clients (pgbouncer/common.ini), and a service has a replica or two at least. */
const POOL_MAX = 150;

/** A hundred years. Postgres knows no date before 4713 BC, so a clean-up that counts back millions of days would fail. */
export const KEPT_DAYS = { min: 1, max: 36_500 };

/** The variables that every service has. */
export const commonVariables = {
  HOST: variable.host('127.0.0.1').describe('Address to listen on.'),
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
    .describe(
      "Postgres, or the pgbouncer in front of it, with the service's own role. TLS by `?sslmode=verify-full` and `sslrootcert`. PG variables and ~/.pgpass are not read.",
    ),
  DATABASE_POOL_MAX: variable
    .whole(10, { min: 1, max: POOL_MAX })
    .describe('Connections of one process to its database.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable
    .collectorUrl()
    .optional()
    .describe('The collector that traces are sent to, by OTLP over HTTP. Without it nothing is traced.'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: variable
    .httpUrl()
    .optional()
    .describe(
      'The address for traces as it stands, in place of OTEL_EXPORTER_OTLP_ENDPOINT with /v1/traces behind it.',
    ),
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
  const given = Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => name in schema.shape && value !== ''),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path: [variable], message }) => {
    // A mistake of several variables together names them itself.
    if (variable === undefined) return message;
    const name = String(variable);
    return name in given ? `${name} is wrong: ${message}` : `${name} is not set`;
  });
  throw new ConfigError(`${mistakes.join('; ')}. The README's table of variables says what each is for.`);
}

/** For rules over several variables: they are checked beside the mistakes of single ones, so that all are reported at once. */
export const EVEN_WITH_MISTAKES = { when: () => true };

/** The configuration for the start-up log, without secrets. */
export function maskSecrets(schema: z.ZodObject, config: Record<string, unknown>): Record<string, unknown> {
  const mask = (name: string, value: unknown): unknown =>
    metaOf(schema.shape[name] as z.ZodType).secret ? '***' : withoutUrlSecrets(value);
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, mask(name, value)]));
}

function withoutUrlSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUrlSecrets);
  return typeof value === 'string' ? hideUrlSecrets(value) : value;
}

/** What the documentation says of one variable. */
export interface DescribedVariable {
  readonly name: string;
  readonly required: boolean;
  readonly fallback: string | undefined;
  /** The values that it takes, where they can be listed. */
  readonly values: string | undefined;
  readonly meaning: string;
}

export function describeConfig(schema: z.ZodObject): DescribedVariable[] {
  return Object.entries(schema.shape).map(([name, shape]) => {
    const field = shape as z.ZodType;
    const absent = field.safeParse(undefined);
    const fallback = absent.success && absent.data !== undefined ? String(absent.data) : undefined;
    const { values } = metaOf(field);
    return { name, required: !absent.success, fallback, values, meaning: field.description ?? '' };
  });
}
