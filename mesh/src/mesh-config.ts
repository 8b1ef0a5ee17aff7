import { join, relative, resolve } from 'node:path';
import { describeWrong } from 'rpc-kit/urls';
import { parseWhole } from 'rpc-kit/whole-number';
import type { AccessMode } from 'service-kit';
import { Failure } from './failure.ts';
import {
  DATABASES,
  isDatabaseName,
  type PerDatabase,
  type PerService,
  perDatabase,
  perService,
  SERVICES,
  type ServiceName,
} from './services.ts';

export const PROJECT_DIRECTORY = resolve(import.meta.dirname, '../..');

/** All processes listen on the loopback only: the passwords and the token of a local mesh are too weak for a network. */
export const LOCAL_HOST = '127.0.0.1';

export const DEFAULT_PORTS: PerService<number> = {
  gateway: 8000,
  checkout: 8080,
  loms: 8081,
  notifications: 8082,
  products: 8083,
  accounts: 8084,
};
/** Below the ephemeral ports (32768 and up on Linux), which an outgoing connection may occupy at any moment. */
const DEFAULT_POSTGRES_PORT = 15432;
const DEFAULT_PGBOUNCER_PORT = 16432;
const DEFAULT_KAFKA_PORT = 19092;
const PORT_MAX = 65_535;
/** From the HTTP port of a service to its port for gRPC. */
export const GRPC_PORT_OFFSET = 1_000;

export type MeshConfig = {
  directory: string;
  ports: PerService<number>;
  postgresPort: number;
  pgbouncerPorts: PerDatabase<number>;
  /** How order events reach notifications: through the mesh's own Kafka, or directly by RPC. */
  events: 'kafka' | 'rpc';
  /** Kafka's controller listens on the next port. */
  kafkaPort: number;
  /** What carries the calls between services: JSON-RPC over HTTP, or gRPC. */
  calls: 'json' | 'grpc';
  /** Whether the services check their callers. */
  access: AccessMode;
  /** Whether the services talk mutual TLS. The gateway's own port stays http. */
  tls: boolean;
  /** Off where the data is removed after the run: a killed process loses nothing without it, a power cut does. */
  fsync: boolean;
};

/** @throws {Failure} with a sentence for every wrong variable */
export function loadMeshConfig(environment: NodeJS.ProcessEnv): MeshConfig {
  const mistakes: string[] = [];
  const read = <T>(variable: string, fallback: T, parse: (text: string) => T | undefined, expected: string): T => {
    const text = environment[variable];
    if (text === undefined || text === '') return fallback;
    const value = parse(text);
    if (value === undefined) mistakes.push(`${variable} ${describeWrong(text, expected)}.`);
    return value ?? fallback;
  };
  const readPort = (variable: string, fallback: number, max = PORT_MAX): number =>
    read(variable, fallback, (text) => parseWhole(text, { min: 1, max }), `a port between 1 and ${max}`);
  const readChoice = <T extends string>(variable: string, [fallback, ...others]: readonly [T, ...T[]]): T =>
    read(
      variable,
      fallback,
      (text) => [fallback, ...others].find((choice) => choice === text),
      [fallback, ...others].join(' or '),
    );

  // One consecutive port for each database.
  const highestFirst = PORT_MAX - DATABASES.length + 1;
  const firstPgbouncerPort = readPort('MESH_PGBOUNCER_PORT', DEFAULT_PGBOUNCER_PORT, highestFirst);
  const config = {
    directory: resolve(PROJECT_DIRECTORY, read('MESH_DIR', '.mesh', parseFolder, 'a path without control characters')),
    ports: perService((service) =>
      readPort(
        portVariable(service),
        DEFAULT_PORTS[service],
        isDatabaseName(service) ? PORT_MAX - GRPC_PORT_OFFSET : PORT_MAX,
      ),
    ),
    postgresPort: readPort('MESH_POSTGRES_PORT', DEFAULT_POSTGRES_PORT),
    pgbouncerPorts: perDatabase((name) => firstPgbouncerPort + DATABASES.indexOf(name)),
    events: readChoice('EVENTS', ['rpc', 'kafka']),
    kafkaPort: readPort('MESH_KAFKA_PORT', DEFAULT_KAFKA_PORT, PORT_MAX - 1),
    calls: readChoice('CALLS', ['json', 'grpc']),
    access: readChoice<AccessMode>('ACCESS', ['open', 'audit', 'enforce']),
    tls: readChoice('TLS', ['off', 'on']) === 'on',
    fsync: readChoice('MESH_FSYNC', ['on', 'off']) === 'on',
  };
  if (mistakes.length === 0) mistakes.push(...findDoublePorts(listPorts(config, true)));
  if (mistakes.length > 0) throw new Failure(mistakes.join(' '));
  return config;
}

/** The HTTP address of a service in this mesh. */
export function serviceUrl({ ports, tls }: MeshConfig, service: ServiceName): string {
  return `${tls && service !== 'gateway' ? 'https' : 'http'}://${LOCAL_HOST}:${ports[service]}`;
}

/** The port of a service for gRPC; the gateway has none. */
export function grpcPort({ ports }: MeshConfig, service: ServiceName): number | undefined {
  return isDatabaseName(service) ? ports[service] + GRPC_PORT_OFFSET : undefined;
}

/** The address by which other services call a service. */
export function peerUrl(config: MeshConfig, service: ServiceName): string {
  const port = config.calls === 'grpc' ? grpcPort(config, service) : undefined;
  return port === undefined ? serviceUrl(config, service) : `${config.tls ? 'grpcs' : 'grpc'}://${LOCAL_HOST}:${port}`;
}

/** A line break would end the line of pgbouncer's configuration that holds the path. */
function parseFolder(text: string): string | undefined {
  return /\p{Cc}/u.test(text) ? undefined : text;
}

export type NamedPort = { port: number; variable: string };

/** Every port a run listens on, with the variable that moves it. */
export function listPorts(config: MeshConfig, withPgbouncer: boolean): NamedPort[] {
  const pgbouncers = DATABASES.map((name) => ({
    port: config.pgbouncerPorts[name],
    variable: 'MESH_PGBOUNCER_PORT',
  }));
  return [
    ...SERVICES.map((service) => ({ port: config.ports[service], variable: portVariable(service) })),
    ...DATABASES.map((service) => ({
      port: config.ports[service] + GRPC_PORT_OFFSET,
      variable: portVariable(service),
    })),
    { port: config.postgresPort, variable: 'MESH_POSTGRES_PORT' },
    ...(withPgbouncer ? pgbouncers : []),
    ...(config.events === 'kafka' ? listKafkaPorts(config) : []),
  ];
}

export function listKafkaPorts({ kafkaPort }: MeshConfig): NamedPort[] {
  return [kafkaPort, kafkaPort + 1].map((port) => ({ port, variable: 'MESH_KAFKA_PORT' }));
}

export type MeshPaths = ReturnType<typeof meshPaths>;

/** `postgres` and `pgbouncer` belong to the user that Postgres runs as; the rest belongs to the user who called make. */
export function meshPaths(directory: string) {
  return {
    directory,
    /** Marks the folder as a mesh's, so that its contents may change owner and be removed. */
    marker: join(directory, '.order-mesh'),
    record: join(directory, 'run.json'),
    secrets: join(directory, 'secrets.json'),
    /** The keys by which services prove themselves to each other. */
    identity: join(directory, 'identity'),
    postgres: join(directory, 'postgres'),
    pgbouncer: join(directory, 'pgbouncer'),
    kafka: join(directory, 'kafka'),
    logs: join(directory, 'logs'),
    journal: join(directory, 'journal'),
    profiles: join(directory, 'profiles'),
    tls: join(directory, 'tls'),
  };
}

/** The path relative to the project, where it lies within. */
export function shortPath(path: string): string {
  const fromProject = relative(PROJECT_DIRECTORY, path);
  return fromProject.startsWith('..') ? path : fromProject;
}

function portVariable(service: ServiceName): string {
  return `${service.toUpperCase()}_PORT`;
}

function findDoublePorts(ports: NamedPort[]): string[] {
  return ports.flatMap(({ port, variable }, index) => {
    const other = ports.slice(0, index).find((earlier) => earlier.port === port);
    if (other === undefined) return [];
    return `Port ${port} is set twice, by ${other.variable} and ${variable}: change one of them.`;
  });
}
