import assert from 'node:assert/strict';
import {
  createClient,
  createHttpTransport,
  defineService,
  type Handlers,
  type Interceptor,
  implement,
  RpcError,
  serveHttp,
  stream,
} from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { type Logger, serverLogging } from 'rpc-kit/logging';
import { z } from 'zod';

const method = { params: z.strictObject({}), timeoutMs: 10_000, example: { params: {}, result: {} } } as const;
const shop = defineService(
  'shop',
  { summary: 'Sells.', version: '1' },
  {
    buy: { ...method, summary: 'Buys.', result: z.object({}) },
    watch: { ...method, summary: 'Watches.', result: stream(z.object({})) },
  },
);

const bug = new Error('a bug');
const handlers: Handlers<typeof shop.methods> = {
  buy: () => Promise.reject(bug),
  async *watch() {
    yield {};
    throw bug;
  },
};

interface Line {
  readonly err: unknown;
  readonly request_id: string;
}

/** The errors that a logger of a server is given. */
function recordErrors(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const error = (fields: object): void => void lines.push(fields as Line);
  return { logger: { debug() {}, info() {}, warn() {}, error }, lines };
}

/** Calls both methods by each wire, and gives the request ids of the failures. */
async function failByEachWire(logger: Logger, interceptors: readonly Interceptor[] = []): Promise<unknown[]> {
  await using stack = new AsyncDisposableStack();
  const service = implement(shop, handlers, { interceptors });
  const codec = createServiceCodec(shop, updateLock({ package: 'test', services: {} }, [shop]));
  const at = { host: '127.0.0.1', port: 0, logger };
  const { url } = stack.use(await serveHttp(service, at));
  const overGrpc = stack.use(await serveGrpc(service, { ...at, codec })).url;
  const transports = [
    stack.use(createHttpTransport(url, { userAgent: 'test' })),
    stack.use(createHttpTransport(url, { userAgent: 'test', face: 'plain' })),
    stack.use(createGrpcTransport(overGrpc, { userAgent: 'test', codec })),
  ];
  const ids: unknown[] = [];
  const collect = (error: unknown): void => {
    assert.ok(error instanceof RpcError && error.message === 'Internal error');
    ids.push(error.requestId);
  };
  for (const client of transports.map((transport) => createClient(shop, transport))) {
    await client.buy({}).catch(collect);
    await Array.fromAsync(client.watch({})).catch(collect);
  }
  return ids;
}

describe('A failure of which the caller learns only that it is internal', () => {
  it('is logged by the server, with its cause and the request id of the answer, by each wire', async () => {
    const { logger, lines } = recordErrors();
    const ids = await failByEachWire(logger);
    assert.equal(ids.length, 6);
    assert.deepEqual(
      lines.map(({ request_id }) => request_id),
      ids,
    );
    assert.ok(lines.every(({ err }) => err === bug));
  });

  it('is logged once where the service logs its calls', async () => {
    const server = recordErrors();
    const calls = recordErrors();
    await failByEachWire(server.logger, [serverLogging(calls.logger)]);
    assert.deepEqual([server.lines, calls.lines.length], [[], 6]);
  });
});
