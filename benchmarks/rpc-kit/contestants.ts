import type { Sample, Timing } from '../harness/closed-loop.ts';
import { pickCores } from '../harness/cores.ts';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import type { ClientContender, ServerContender } from './contenders.ts';
import type { Target } from './load/http.ts';
import { type MethodName, WORK, WRONG_ORDER } from './work.ts';

/** A server under load, or a client that makes calls. */
export interface Contestant {
  readonly name: string;
  /** Opens connections and makes calls for `warmUpMs`, so that `run` measures calls alone. */
  prepare(method: MethodName, timing: Timing): Promise<void>;
  /** Calls for `measureMs` on what is prepared. */
  run(method: MethodName, timing: Timing): Promise<Sample>;
  usage(): Promise<Usage>;
}

/** What the measured process has used since its start. */
export interface Usage {
  readonly cpuMicros: number;
  /** On V8's heap. */
  readonly allocatedBytes: number;
}

export interface Field {
  readonly contestants: readonly Contestant[];
  /** Contenders that did not start or do not behave as declared, and why. */
  readonly leftOut: readonly string[];
}

/** Every measured process is on one core, and what calls it, or is called, on the others. */
const cores = pickCores();

export async function startServers(
  processes: AsyncDisposableStack,
  wanted: readonly ServerContender[],
  nodeOptions: readonly string[] = [],
): Promise<Field> {
  const leftOut: string[] = [];
  const contestants: Contestant[] = [];
  const startLoad = (file: string) => processes.use(startProcess(beside(file), [], [], cores?.others));
  const httpLoad = startLoad('load/http.ts');
  const grpcLoad = wanted.some(({ dialect }) => dialect === 'grpc') ? startLoad('load/grpc.js') : httpLoad;
  for (const contender of wanted) {
    const args = [contender.file, ...(contender.variant ? [contender.variant] : [])];
    const server = processes.use(startProcess(beside('serve.ts'), args, nodeOptions, cores?.measured));
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
  const { name, dialect, validates, batch } = contender;
  const port = await server.ask<number>('port');
  const wrong: Target = { port, dialect, method: 'createOrder', params: WRONG_ORDER };
  if ((await load.ask<boolean>('isRefused', wrong)) !== (validates !== 'no')) {
    throw new Error(`it ${validates === 'no' ? 'refuses' : 'accepts'} params out of range`);
  }
  return {
    name,
    prepare: (method, timing) => load.ask('prepare', { port, dialect, method, batch, ...WORK[method], timing }),
    run: async (_method, timing) => timesBatch(await load.ask<Sample>('run', timing), batch),
    usage: () => server.ask<Usage>('usage'),
  };
}

/** Of exchanges of one batch each, the sample of their calls. */
function timesBatch(sample: Sample, batch = 1): Sample {
  const { calls, callsAll, failures } = sample;
  return { ...sample, calls: calls * batch, callsAll: callsAll * batch, failures: failures * batch };
}

export async function startClients(
  processes: AsyncDisposableStack,
  wanted: readonly ClientContender[],
  nodeOptions: readonly string[] = [],
): Promise<Field> {
  const leftOut: string[] = [];
  const contestants: Contestant[] = [];
  const echo = processes.use(startProcess(beside('clients/echo-server.ts'), [], [], cores?.others));
  const url = `http://127.0.0.1:${await echo.ask<number>('port')}`;
  for (const { name, batches = false } of wanted) {
    const client = processes.use(startProcess(beside('clients/run.ts'), [name, url], nodeOptions, cores?.measured));
    const withEcho = async <T>(what: string, method: MethodName, timing: Timing): Promise<T> => {
      await echo.ask('keepAwake');
      try {
        return await client.ask<T>(what, { method, timing });
      } finally {
        await echo.ask('letSleep');
      }
    };
    try {
      const before = await echo.ask<number>('batches');
      await client.ask('burst');
      const batched = (await echo.ask<number>('batches')) > before;
      if (batches && !batched) throw new Error('its calls do not travel in batches');
      if (batched && !batches) throw new Error('its calls travel in batches');
      contestants.push({
        name,
        prepare: (method, timing) => withEcho('prepare', method, timing),
        run: (method, timing) => withEcho('run', method, timing),
        usage: () => client.ask<Usage>('usage'),
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
