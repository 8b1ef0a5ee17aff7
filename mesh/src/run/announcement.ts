import { curlCertificate } from '../certificates/mesh-certificates.ts';
import { grpcPort, LOCAL_HOST, type MeshConfig, meshPaths, serviceUrl, shortPath } from '../mesh-config.ts';
import type { MeshDatabase } from '../postgres/mesh-database.ts';
import { isDatabaseName, SERVICES, type ServiceName } from '../services.ts';
import { textTable } from '../text-table.ts';

const ACCESS: Record<MeshConfig['access'], string> = {
  open: 'access: open. Every program on this machine may call every method; ACCESS=enforce make run-all admits only the callers that contracts name.',
  audit: 'access: audit. Calls that ACCESS=enforce would refuse are executed, counted and logged.',
  enforce: 'access: enforce. A call needs the token of a caller that the contract names; make token prints one.',
};

const CALLS: Record<MeshConfig['calls'], string> = {
  json: 'calls: json. Services call each other by JSON-RPC over HTTP; with CALLS=grpc, over gRPC.',
  grpc: 'calls: grpc. Services call each other over gRPC.',
};

/** The text for the terminal once all services are ready: their addresses, and calls to try. */
export function describeMesh(config: MeshConfig, { pgbouncer }: MeshDatabase, brokers?: string): string {
  const { ports } = config;
  const certificate = config.tls ? curlCertificate(meshPaths(config.directory)) : '';
  const token = config.access === 'enforce' ? '-H "$(make -s token CALLER=gateway SERVICE=checkout)" ' : '';
  const describeDatabase = (service: ServiceName): string => {
    if (!isDatabaseName(service)) return 'none';
    return pgbouncer === undefined ? 'directly' : `by pgbouncer on ${config.pgbouncerPorts[service]}`;
  };
  const rows = SERVICES.toReversed().map((service) => {
    const address = serviceUrl(config, service).replace(LOCAL_HOST, 'localhost');
    const grpc = grpcPort(config, service);
    const grpcAddress = grpc === undefined ? 'none' : `localhost:${grpc}`;
    return [service, address, `${address}/docs`, grpcAddress, describeDatabase(service)];
  });
  const checkout = `${config.tls ? 'https://' : ''}localhost:${ports.checkout}`;
  const table = textTable([['service', 'address', 'docs page', 'gRPC', 'database'], ...rows]);
  return `
${table}

${ACCESS[config.access]}
${CALLS[config.calls]}
${brokers === undefined ? '' : `\nOrder events travel through Kafka on ${brokers}.\n`}
Try it, as a person through the gateway:
  curl -s 'localhost:${ports.gateway}/v1/products?limit=2'
  ${curl(`localhost:${ports.gateway}/v1/auth/register`, '{"email":"anna@shop.example","password":"a walk along the river"}')}

Or call checkout directly, without an account:
  ${curl(`${checkout}/addToCart`, '{"user":1,"sku":1076963,"count":2}', token + certificate)}
  ${curl(`${checkout}/listCart`, '{"user":1}', token + certificate)}

Ctrl-C stops the mesh. Data and logs are in ${shortPath(config.directory)}.
`;
}

/** The long form of curl's --json, which needs curl 7.82. */
function curl(url: string, body: string, proof = ''): string {
  return `curl -s ${proof}-H content-type:application/json -d '${body}' ${url}`;
}
