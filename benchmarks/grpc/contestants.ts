import type { Sample } from '../harness/closed-loop.ts';
import { pickCores } from '../harness/cores.ts';
import { startProcess } from '../harness/process.ts';
import type { Contestant, Field, Usage } from '../rpc-kit/contestants.ts';
import { type ClientName, SERVERS, type ServerName } from './contenders.ts';

/** Every measured process is on one core, and what calls it, or is called, on the others. */
const cores = pickCores();

export async function startServers(
  processes: AsyncDisposableStack,
  wanted: readonly { readonly name: ServerName }[],
  nodeOptions: readonly string[] = [],
): Promise<Field> {
  const load = processes.use(startProcess(beside('load.ts'), [], [], cores?.others));
  const contestants: Contestant[] = [];
  for (const { name } of wanted) {
    const server = processes.use(startProcess(beside('serve.ts'), [name], nodeOptions, cores?.measured));
    const port = await server.ask<number>('port');
    contestants.push({
      name,
      prepare: (method, timing) => load.ask('prepare', { port, method, timing }),
      run: (method, timing) => load.ask<Sample>('run', { port, method, timing }),
      usage: () => server.ask<Usage>('usage'),
    });
  }
  return { contestants, leftOut: [] };
}

export async function startClients(
  processes: AsyncDisposableStack,
  wanted: readonly { readonly name: ClientName }[],
  nodeOptions: readonly string[] = [],
): Promise<Field> {
  const server = processes.use(startProcess(beside('serve.ts'), [SERVERS[0].name], [], cores?.others));
  const port = await server.ask<number>('port');
  const contestants = wanted.map(({ name }): Contestant => {
    const client = processes.use(startProcess(beside('call.ts'), [name, String(port)], nodeOptions, cores?.measured));
    return {
      name,
      prepare: (method, timing) => client.ask('prepare', { method, timing }),
      run: (method, timing) => client.ask<Sample>('run', { method, timing }),
      usage: () => client.ask<Usage>('usage'),
    };
  });
  return { contestants, leftOut: [] };
}

function beside(file: string): URL {
  return new URL(file, import.meta.url);
}
