import { join, relative, resolve } from 'node:path';
import { Failure } from './failure.ts';
import { type PerService, perService, SERVICES, type ServiceName } from './services.ts';

export const PROJECT_DIRECTORY = resolve(import.meta.dirname, '../..');

/** Everything listens on this machine only: the passwords and the token of a local mesh are not made for a network. */
export const LOCAL_HOST = '127.0.0.1';

export const DEFAULT_PORTS: PerService<number> = { checkout: 8080, loms: 8081, notifications: 8082, products: 8083 };
/** Below the ports that systems give to outgoing connections (32768 and up on Linux), one of which may be taken at any moment. */
const DEFAULT_POSTGRES_PORT = 15432;
const DEFAULT_PGBOUNCER_PORT = 16432;
const DEFAULT_KAFKA_PORT = 19092;
const PORT_MAX = 65_535;

export type MeshConfig = {
  directory: string;
  ports: PerService<number>;
  postgresPort: number;
  pgbouncerPorts: PerService<number>;
  /** How order events travel: through a Kafka of the mesh's own, or straight by RPC. */
  events: 'kafka' | 'rpc';
  /** The next one is that of Kafka's controller. */
  kafkaPort: number;
  /** Off where the data is thrown away after the run: a killed process loses nothing by it, a power cut would. */
  fsync: boolean;
};

export function loadMeshConfig(environment: NodeJS.ProcessEnv): MeshConfig {
  // One for each service, in a row.
  const highestFirst = PORT_MAX - SERVICES.length + 1;
  const firstPgbouncerPort = parsePort(environment, 'MESH_PGBOUNCER_PORT', DEFAULT_PGBOUNCER_PORT, highestFirst);
  const config = {
    directory: resolve(PROJECT_DIRECTORY, environment.MESH_DIR || '.mesh'),
    ports: perService((service) => parsePort(environment, portVariable(service), DEFAULT_PORTS[service])),
    postgresPort: parsePort(environment, 'MESH_POSTGRES_PORT', DEFAULT_POSTGRES_PORT),
    pgbouncerPorts: perService((service) => firstPgbouncerPort + SERVICES.indexOf(service)),
    events: parseEvents(environment.EVENTS),
    kafkaPort: parsePort(environment, 'MESH_KAFKA_PORT', DEFAULT_KAFKA_PORT, PORT_MAX - 1),
    fsync: parseFsync(environment.MESH_FSYNC),
  };
  refuseDoublePorts(listPorts(config, true));
  return config;
}

export type NamedPort = { port: number; variable: string };

/** Every port a run listens on, with the variable that moves it. */
export function listPorts(config: MeshConfig, withPgbouncer: boolean): NamedPort[] {
  const pgbouncers = SERVICES.map((service) => ({
    port: config.pgbouncerPorts[service],
    variable: 'MESH_PGBOUNCER_PORT',
  }));
  return [
    ...SERVICES.map((service) => ({ port: config.ports[service], variable: portVariable(service) })),
    { port: config.postgresPort, variable: 'MESH_POSTGRES_PORT' },
    ...(withPgbouncer ? pgbouncers : []),
    ...(config.events === 'kafka' ? listKafkaPorts(config) : []),
  ];
}

export function listKafkaPorts({ kafkaPort }: MeshConfig): NamedPort[] {
  return [kafkaPort, kafkaPort + 1].map((port) => ({ port, variable: 'MESH_KAFKA_PORT' }));
}

export type MeshPaths = ReturnType<typeof meshPaths>;

/** `postgres` and `pgbouncer` belong to the user that Postgres runs as; the rest to whoever called make. */
export function meshPaths(directory: string) {
  return {
    directory,
    /** Says that the folder is a mesh's, so that its contents may be given away and removed. */
    marker: join(directory, '.order-mesh'),
    record: join(directory, 'run.json'),
    secrets: join(directory, 'secrets.json'),
    postgres: join(directory, 'postgres'),
    pgbouncer: join(directory, 'pgbouncer'),
    kafka: join(directory, 'kafka'),
    logs: join(directory, 'logs'),
    journal: join(directory, 'journal'),
    profiles: join(directory, 'profiles'),
  };
}

/** As a person at the project's folder names it. */
export function shortPath(path: string): string {
  const fromProject = relative(PROJECT_DIRECTORY, path);
  return fromProject.startsWith('..') ? path : fromProject;
}

function portVariable(service: ServiceName): string {
  return `${service.toUpperCase()}_PORT`;
}

function parseEvents(text = ''): MeshConfig['events'] {
  if (text === '' || text === 'rpc') return 'rpc';
  if (text === 'kafka') return 'kafka';
  throw new Failure(`EVENTS is "${text}", but has to be kafka or rpc.`);
}

function parseFsync(text = ''): boolean {
  if (text === '' || text === 'on') return true;
  if (text === 'off') return false;
  throw new Failure(`MESH_FSYNC is "${text}", but has to be on or off.`);
}

function parsePort(environment: NodeJS.ProcessEnv, variable: string, fallback: number, max = PORT_MAX): number {
  const text = environment[variable];
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= max) return port;
  throw new Failure(`${variable} is "${text}", but has to be a port between 1 and ${max}.`);
}

function refuseDoublePorts(ports: NamedPort[]): void {
  for (const [index, { port, variable }] of ports.entries()) {
    const other = ports.slice(0, index).find((earlier) => earlier.port === port);
    if (other === undefined) continue;
    throw new Failure(
      `Port ${port} is given to two at once, by ${other.variable} and ${variable}: change one of them.`,
    );
  }
}
