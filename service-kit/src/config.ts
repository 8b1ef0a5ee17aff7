import { hideUrlSecrets } from 'rpc-kit/urls';
import type { z } from 'zod';
import { metaOf, variable } from './variables.ts';

/** All mistakes in the environment, as sentences for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** pgbouncer accepts 300 clients (pgbouncer/common.ini), and a service runs as two replicas or more. */
const POOL_MAX = 150;

/** A hundred years. Postgres knows no date before 4713 BC, so a longer retention would make the clean-up fail. */
export const KEPT_DAYS = { min: 1, max: 36_500 };

/** The variables of every process of the mesh. */
export const commonVariables = {
  HOST: variable.host('127.0.0.1').describe('Address to listen on.'),
  ALLOWED_HOSTS: variable
    .hosts()
    .optional()
    .describe(
      'Host names that browsers and proxies may use for this service, besides loopback names and the bound address. Separated by commas: `shop.example`, `shop.example:8443`. A request with another Host is refused (421); programs may also use any IP address and any name without a dot.',
    ),
  ALLOWED_ORIGINS: variable
    .origins()
    .optional()
    .describe(
      'Origins of web pages that may call this service, besides its own. Separated by commas: `https://shop.example`. A request from another page is refused (403).',
    ),
  ACCESS: variable
    .choice(['enforce', 'audit', 'open'], 'enforce')
    .describe(
      'Whether callers have to prove themselves: `enforce` refuses calls that the contract does not allow, `audit` executes, counts and logs them, `open` checks nothing.',
    ),
  SERVICE_KEY_FILE: variable
    .text()
    .optional()
    .describe(
      'File with the private key of this service: one JWK (OKP, Ed25519, with `kid`). It signs the calls of other services. Required unless ACCESS=open. Read again when it changes.',
    ),
  TRUST_FILE: variable
    .text()
    .optional()
    .describe(
      'File with the public keys of all services: `{"checkout": {"keys": [JWK, …]}, …}`. Required unless ACCESS=open. Read again when it changes.',
    ),
  TLS_CERT_FILE: variable
    .text()
    .optional()
    .describe(
      'PEM file with the certificate of this service. Set with TLS_KEY_FILE and TLS_CA_FILE: the service serves https only, and calls its https peers with this certificate. Unset: plain HTTP. Read again when it changes.',
    ),
  TLS_KEY_FILE: variable
    .text()
    .optional()
    .describe('PEM file with the private key of TLS_CERT_FILE, without a passphrase. Read again when it changes.'),
  TLS_CA_FILE: variable
    .text()
    .optional()
    .describe(
      'PEM file with the authorities from which callers and https peers need a certificate. Read again when it changes.',
    ),
  LOG_LEVEL: variable
    .choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info')
    .describe('Lowest level of log lines that are written.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable
    .collectorUrl()
    .optional()
    .describe('OpenTelemetry collector that receives traces by OTLP over HTTP. Unset: no traces.'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: variable
    .httpUrl()
    .optional()
    .describe('Full URL for traces, used instead of OTEL_EXPORTER_OTLP_ENDPOINT plus /v1/traces.'),
  TRACES_SAMPLED_RATIO: variable
    .ratio(1)
    .describe(
      'Fraction of the traces started by this service that is recorded. A call within a trace follows the decision of its caller.',
    ),
  PROFILE_DIR: variable
    .text()
    .optional()
    .describe('Folder for profiles of the running process and for the socket that starts them. Unset: no profiles.'),
};

/** The variables of every program that reads from other services. */
export const peerVariables = {
  HEDGE_READS: variable
    .hedge()
    .describe(
      'When a read that another service has not answered is sent to it a second time, if possible to another replica: `p95` is the time within which 95 % of the calls of its method are answered, a number is milliseconds. The first answer counts, and the other attempt is cancelled. Second attempts and retries together are at most a tenth of the calls and one a second more.',
    ),
};

/** The variables of every program with a database. */
export const databaseVariables = {
  DATABASE_URL: variable
    .databaseUrl()
    .describe(
      "URL of Postgres, or of pgbouncer in front of it, with the service's own role. `?sslmode=verify-full` and `sslrootcert` turn on TLS. PG variables and ~/.pgpass are ignored.",
    ),
  DATABASE_POOL_MAX: variable
    .whole(10, { min: 1, max: POOL_MAX })
    .describe('Maximum number of database connections of one process. Further statements wait for one.'),
};

/** The variables of every service with a contract, each of which has a database. */
export const serviceVariables = {
  GRPC_PORT: variable
    .anyPort()
    .optional()
    .describe(
      'Port for gRPC, on the same address and with the same TLS; 0 picks a free one. Usually PORT plus 1000. Unset: no gRPC.',
    ),
  METHOD_LIMITS: variable
    .methodLimits()
    .optional()
    .describe(
      'Calls of single methods that all replicas together answer, separated by commas: `listOrders:100/s` is a hundred a second, and as many at once after a quiet time; `/min` counts by the minute. A further call is refused (resource_exhausted, 429). Each replica leases a tenth from the database at a time, and limits alone while the database does not answer. Unset: no limits.',
    ),
  FAULTS: variable
    .faults()
    .optional()
    .describe(
      'For tests of a mesh: calls that this process delays or fails on purpose, separated by commas. `stocks:delay:0.05:200` delays 5 % of the calls of stocks by 200 ms, `*:abort:0.01:unavailable` fails 1 % of all calls before they begin, `createOrder:drop:0.1` executes 10 % and drops their answers, `seed:7` repeats the choices of an earlier run. Unset: no faults.',
    ),
  ...databaseVariables,
};

/**
 * Reads the environment and reports all mistakes together. An empty variable counts as unset.
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
    // The message of a rule over several variables names them.
    if (variable === undefined) return message;
    const name = String(variable);
    return name in given ? `${name} is wrong: ${message}` : `${name} is not set`;
  });
  throw new ConfigError(`${mistakes.join('; ')}. The README's table describes each variable.`);
}

/** For rules over several variables: check them even if single variables are wrong, so that one start reports everything. */
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

/** One row of the documentation's table. */
export interface DescribedVariable {
  readonly name: string;
  readonly required: boolean;
  readonly fallback: string | undefined;
  /** The accepted values, if they can be listed. */
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
