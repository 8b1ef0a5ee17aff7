import { hideUrlSecrets } from 'rpc-kit/urls';

/**
 * The services of the mesh in the order in which they start: who is called comes before who calls. They stop the other
 * way round, so that no caller meets a service that is gone already.
 */
export const SERVICES = ['products', 'notifications', 'loms', 'checkout'] as const;
export type ServiceName = (typeof SERVICES)[number];
export type PerService<T> = Record<ServiceName, T>;

export function isServiceName(name: string): name is ServiceName {
  return SERVICES.some((service) => service === name);
}

export function perService<T>(make: (service: ServiceName) => T): PerService<T> {
  const { products, notifications, loms, checkout } = Object.fromEntries(SERVICES.map((name) => [name, make(name)]));
  return { products, notifications, loms, checkout } as PerService<T>;
}

/** The one that the original product service takes. */
export const DEFAULT_PRODUCTS_TOKEN = 'testtoken';

type Surroundings = {
  host: string;
  port: number;
  databaseUrl: string;
  urls: PerService<string>;
  /** What notifications writes its journal to. */
  journalFile?: string | undefined;
  /** What each leaves its profiles in. */
  profileDirectory?: string | undefined;
  /** Where events travel through Kafka. */
  brokers?: string | undefined;
};

/** What a service is told about its surroundings; whatever else it knows to read passes through from the caller. */
export function serviceEnvironment(
  service: ServiceName,
  surroundings: Surroundings,
  given: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const { host, port, databaseUrl, urls, journalFile, profileDirectory, brokers } = surroundings;
  const environment: NodeJS.ProcessEnv = {
    LOG_LEVEL: 'info',
    PROFILE_DIR: profileDirectory,
    ...given,
    HOST: host,
    PORT: String(port),
    DATABASE_URL: databaseUrl,
  };
  const productsToken = given.PRODUCTS_TOKEN || DEFAULT_PRODUCTS_TOKEN;
  if (service === 'products') return { ...environment, PRODUCTS_TOKEN: productsToken };
  const kafka = brokers === undefined ? {} : { KAFKA_BROKERS: brokers };
  if (service === 'loms') return { ...environment, NOTIFICATIONS_URL: urls.notifications, ...kafka };
  if (service === 'notifications') return { JOURNAL_FILE: journalFile, ...environment, ...kafka };
  if (service === 'checkout') {
    // Another product service, such as the original one, may stand in the place of ours.
    const productsUrl = given.PRODUCTS_URL || urls.products;
    return { ...environment, PRODUCTS_TOKEN: productsToken, PRODUCTS_URL: productsUrl, LOMS_URL: urls.loms };
  }
  return environment;
}

/** The variables that name where notifications are delivered. A tool that stores some has to know that they are set. */
export type SinkVariables = { JOURNAL_FILE?: string | undefined; WEBHOOK_URL?: string | undefined };

export function pickSinks({ JOURNAL_FILE, WEBHOOK_URL }: NodeJS.ProcessEnv): SinkVariables {
  // They are written to a file that anyone may read.
  return { JOURNAL_FILE, WEBHOOK_URL: WEBHOOK_URL && hideUrlSecrets(WEBHOOK_URL) };
}
