import type { Sample, Timing } from '../harness/closed-loop.ts';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import type { ClientContender, ServerContender } from './contenders.ts';
import type { Target } from './load/http.ts';
import { type MethodName, WORK, WRONG_ORDER } from './work.ts';

/** A server under load, or a client that makes calls. */
export interface Contestant {
  readonly name: string;
  run(method: MethodName, timing: Timing): Promise<Sample>;
  /** Microseconds of CPU time that its process has used. */
  cpu(): Promise<number>;
}

export interface Field {
  readonly contestants: readonly Contestant[];
  /** Contenders that did not start or do not behave as declared, and why. */
  readonly leftOut: readonly string[];
}

export async function startServers(
  processes: AsyncDisposableStack,
  wanted: readonly ServerContender[],
  nodeOptions: readonly string[] = [],
): Promise<Field> {
  const leftOut: string[] = [];
  const contestants: Contestant[] = [];
  const httpLoad = processes.use(startProcess(beside('load/http.ts')));
  const grpcLoad = wanted.some(({ dialect }) => dialect === 'grpc')
    ? processes.use(startProcess(beside('load/grpc.js')))
    : httpLoad;
  for (const contender of wanted) {
    const server = processes.use(startProcess(beside('serve.ts'), [contender.file], nodeOptions));
    const load = contender.dialect === 'grpc' ? grpcLoad : httpLoad;
    try {
      contestants.push(await toContestant(contender, server, load));
    } catch (error) {
      leftOut.push(`${contender.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { contestants, leftOut };
}

async function toContestant(contender: ServerContender, server: BenchProcess, load: BenchProcess): Promise<Contestant> {
  const { name, dialect, validates } = contender;
  const port = await server.ask<number>('port');
  const wrong: Target = { port, dialect, method: 'createOrder', params: WRONG_ORDER };
  if ((await load.ask<boolean>('isRefused', wrong)) !== (validates !== 'no')) {
    throw new Error(`it ${validates === 'no' ? 'refuses' : 'accepts'} params out of range`);
  }
  return {
    name,
    run: (method, timing) => load.ask<Sample>('run', { port, dialect, method, ...WORK[method], timing }),
    cpu: () => server.ask<number>('cpu'),
  };
}

export async function startClients(
  processes: AsyncDisposableStack,
  wanted: readonly ClientContender[],
  nodeOptions: readonly string[] = [],
): Promise<Field> {
  const leftOut: string[] = [];
  const contestants: Contestant[] = [];
  const echo = processes.use(startProcess(beside('clients/echo-server.ts')));
  const url = `http://127.0.0.1:${await echo.ask<number>('port')}`;
  for (const { name, batches = false } of wanted) {
    const client = processes.use(startProcess(beside('clients/run.ts'), [name, url], nodeOptions));
    try {
      const before = await echo.ask<number>('batches');
      await client.ask('burst');
      const batched = (await echo.ask<number>('batches')) > before;
      if (batches && !batched) throw new Error('its calls do not travel in batches');
      if (batched && !batches) throw new Error('its calls travel in batches');
      contestants.push({
        name,
        async run(method, timing) {
          await echo.ask('keepAwake');
          try {
            return await client.ask<Sample>('run', { method, timing });
          } finally {
            await echo.ask('letSleep');
          }
        },
        cpu: () => client.ask<number>('cpu'),
      });
    } catch (error) {
      leftOut.push(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { contestants, leftOut };
}

function beside(file: string): URL {
  return new URL(file, import.meta.url);
}
