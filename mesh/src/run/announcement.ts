import { type MeshConfig, shortPath } from '../mesh-config.ts';
import type { MeshDatabase } from '../postgres/mesh-database.ts';
import { isDatabaseName, SERVICES, type ServiceName } from '../services.ts';
import { textTable } from '../text-table.ts';

/** The text for the terminal once all services are ready: their addresses, and three calls to try. */
export function describeMesh(config: MeshConfig, { pgbouncer }: MeshDatabase, brokers?: string): string {
  const describeDatabase = (service: ServiceName): string => {
    if (!isDatabaseName(service)) return 'none';
    return pgbouncer === undefined ? 'directly' : `by pgbouncer on ${config.pgbouncerPorts[service]}`;
  };
  const rows = SERVICES.toReversed().map((service) => {
    const address = `http://localhost:${config.ports[service]}`;
    return [service, address, `${address}/docs`, describeDatabase(service)];
  });
  const table = textTable([['service', 'address', 'docs page', 'database'], ...rows]);
  return `
${table}
${brokers === undefined ? '' : `\nOrder events travel through Kafka on ${brokers}.\n`}
Try it:
  ${curl(config, 'addToCart', '{"user":1,"sku":1076963,"count":2}')}
  ${curl(config, 'listCart', '{"user":1}')}
  ${curl(config, 'purchase', '{"user":1}')}

Ctrl-C stops the mesh. Data and logs are in ${shortPath(config.directory)}.
`;
}

/** The long form of curl's --json, which needs curl 7.82. */
function curl({ ports }: MeshConfig, method: string, body: string): string {
  return `curl -s -H content-type:application/json -d '${body}' localhost:${ports.checkout}/${method}`;
}
