import { hideUrlSecrets } from 'rpc-kit/urls';
import type { AccessMode } from 'service-kit';

/** The services with a database, each of which has the name of its service. */
export const DATABASES = ['products', 'accounts', 'notifications', 'loms', 'checkout'] as const;
export type DatabaseName = (typeof DATABASES)[number];
export type PerDatabase<T> = Record<DatabaseName, T>;

/**
 * The services of the mesh in the order in which they start: callees before their callers. They stop in reverse order, so
 * that no caller meets a stopped service.
 */
export const SERVICES = [...DATABASES, 'gateway'] as const;
export type ServiceName = (typeof SERVICES)[number];
export type PerService<T> = Record<ServiceName, T>;

export function isServiceName(name: string): name is ServiceName {
  return SERVICES.some((service) => service === name);
}

export function isDatabaseName(name: string): name is DatabaseName {
  return DATABASES.some((database) => database === name);
}

export function perService<T>(make: (service: ServiceName) => T): PerService<T> {
  return Object.fromEntries(SERVICES.map((name) => [name, make(name)])) as PerService<T>;
}

export function perDatabase<T>(make: (database: DatabaseName) => T): PerDatabase<T> {
  return Object.fromEntries(DATABASES.map((name) => [name, make(name)])) as PerDatabase<T>;
}

/** The token of the original product service. */
export const DEFAULT_PRODUCTS_TOKEN = 'testtoken';

type Surroundings = {
  host: string;
  port: number;
  /** Unset: the service does not serve gRPC. */
  grpcPort?: number | undefined;
  /** Unset for the gateway. */
  databaseUrl?: string | undefined;
  /** Of accounts and the gateway: their keys are derived from it. */
  secret?: string | undefined;
  access: AccessMode;
  /** SERVICE_KEY_FILE and TRUST_FILE. */
  identity: NodeJS.ProcessEnv;
  /** The addresses by which services call each other. */
  urls: PerService<string>;
  /** The file of notifications' journal. */
  journalFile?: string | undefined;
  /** The folder of the services' profiles. */
  profileDirectory?: string | undefined;
  /** Kafka's address. Unset: events go by RPC. */
  brokers?: string | undefined;
};

/** The environment of a service: the mesh's variables, and all others as the caller has set them. */
export function serviceEnvironment(
  service: ServiceName,
  surroundings: Surroundings,
  given: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const { host, port, grpcPort, databaseUrl, secret, access, identity, urls, journalFile, profileDirectory, brokers } =
    surroundings;
  const environment: NodeJS.ProcessEnv = {
    LOG_LEVEL: 'info',
    PROFILE_DIR: profileDirectory,
    ...given,
    HOST: host,
    PORT: String(port),
    GRPC_PORT: grpcPort === undefined ? undefined : String(grpcPort),
    DATABASE_URL: databaseUrl,
    ACCESS: access,
    FAULTS: itemsFor(service, given.FAULTS),
    METHOD_LIMITS: itemsFor(service, given.METHOD_LIMITS),
    ...identity,
  };
  const productsToken = given.PRODUCTS_TOKEN || DEFAULT_PRODUCTS_TOKEN;
  if (service === 'products') return { ...environment, PRODUCTS_TOKEN: productsToken };
  const kafka = brokers === undefined ? {} : { KAFKA_BROKERS: brokers };
  if (service === 'loms') return { ...environment, NOTIFICATIONS_URL: urls.notifications, ...kafka };
  if (service === 'notifications') return { JOURNAL_FILE: journalFile, ...environment, ...kafka };
  if (service === 'checkout') {
    // The original product service may replace ours.
    const productsUrl = given.PRODUCTS_URL || urls.products;
    return { ...environment, PRODUCTS_TOKEN: productsToken, PRODUCTS_URL: productsUrl, LOMS_URL: urls.loms };
  }
  // The page /docs is of this origin, and sends its requests to it.
  const issuer = urls.gateway.replace(host, 'localhost');
  const tokens = {
    TOKEN_ISSUER: given.TOKEN_ISSUER || issuer,
    TOKEN_AUDIENCE: given.TOKEN_AUDIENCE || `${issuer}/v1`,
  };
  if (service === 'accounts') {
    // All people of a storm and of the tests share the address of this machine.
    return { ADDRESS_ATTEMPTS_FREE: '10000', ...environment, ...tokens, ACCOUNTS_SECRET: secret };
  }
  if (service === 'gateway') {
    return {
      ...environment,
      ...tokens,
      GATEWAY_SECRET: secret,
      ACCOUNTS_URL: urls.accounts,
      CHECKOUT_URL: urls.checkout,
      LOMS_URL: urls.loms,
      NOTIFICATIONS_URL: urls.notifications,
      PRODUCTS_URL: urls.products,
    };
  }
  return environment;
}

/**
 * A service refuses the name of a method that it does not have. So `loms.createOrder:drop:0.1` reaches loms only, as
 * `createOrder:drop:0.1`; an item without a service reaches all.
 */
function itemsFor(service: ServiceName, text = ''): string | undefined {
  const items = text.split(',');
  const kept = items.flatMap((item) => {
    const [, owner = '', rest = ''] = /^ *(\w+)\.(.*)$/.exec(item) ?? [];
    if (!isDatabaseName(owner)) return [item];
    return owner === service ? [rest] : [];
  });
  // A seed without a fault would be refused.
  const isForOthers = kept.length < items.length && kept.every((item) => item.trim().startsWith('seed:'));
  return isForOthers ? undefined : kept.join(',');
}

/** The variables that name where notifications delivers to. A tool that stores notifications needs the same. */
export type SinkVariables = { JOURNAL_FILE?: string | undefined; WEBHOOK_URL?: string | undefined };

export function pickSinks({ JOURNAL_FILE, WEBHOOK_URL }: NodeJS.ProcessEnv): SinkVariables {
  // The run record is readable by every user.
  return { JOURNAL_FILE, WEBHOOK_URL: WEBHOOK_URL && hideUrlSecrets(WEBHOOK_URL) };
}
