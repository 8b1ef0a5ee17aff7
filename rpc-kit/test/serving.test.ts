import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { z } from 'zod';
import { defineService, type HttpServer, implement, type RpcError, type ServedCall, serveHttp } from '../src/index.ts';
import { checkAccess } from '../src/serving/access.ts';
import { fixedLimit } from '../src/serving/concurrency-limit.ts';
import { shedLoad } from '../src/serving/load-shedding.ts';

const method = {
  summary: 'Waits until the test lets it go on.',
  params: z.strictObject({}),
  result: z.object({}),
  timeoutMs: 10_000,
  example: { params: {}, result: {} },
} as const;

const gate = defineService(
  'gate',
  { summary: 'Waits.', version: '1' },
  { pay: { ...method, priority: 'high' }, browse: { ...method, priority: 'low' } },
);

const logger = pino({ level: 'silent' });

/** A service whose calls wait for the test. */
class Gate {
  readonly #open = Promise.withResolvers<void>();
  entered = 0;
  onCall: (call: ServedCall) => void = () => {};

  readonly handle = async (_params: object, call: ServedCall): Promise<Record<string, never>> => {
    this.entered += 1;
    this.onCall(call);
    await this.#open.promise;
    return {};
  };

  open(): void {
    this.#open.resolve();
  }

  async untilEntered(count: number): Promise<void> {
    for (const deadline = performance.now() + 10_000; this.entered < count; await sleep(5)) {
      if (performance.now() > deadline) assert.fail(`only ${this.entered} calls came in`);
    }
  }
}

function post(server: HttpServer, path: string, body = '{}'): Promise<Response> {
  return fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

describe('a service that checks its callers', () => {
  it('names the scheme of a proof beside every 401 (RFC 9110, section 11.6.1)', async () => {
    const handle = new Gate().handle;
    const interceptors = [checkAccess({ mode: 'enforce', identify: () => undefined })];
    const service = implement(gate, { pay: handle, browse: handle }, { interceptors });
    await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger });
    const { status, headers } = await post(server, '/browse');
    assert.deepEqual([status, headers.get('www-authenticate')], [401, 'Bearer']);
    assert.equal((await post(server, '/no_such')).headers.get('www-authenticate'), null);
  });
});

describe('a service that is full', () => {
  it('refuses on the plain face before the body is read, by priority, with Retry-After and a reason', async () => {
    const inside = new Gate();
    const limit = fixedLimit(4);
    const service = implement(gate, { pay: inside.handle, browse: inside.handle }, { interceptors: [shedLoad(limit)] });
    await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, admission: limit });
    const browsing = [post(server, '/browse'), post(server, '/browse')];
    await inside.untilEntered(2);

    const refused = await post(server, '/browse', 'not even JSON');
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('retry-after'), '1');
    const { error } = (await refused.json()) as { error: Record<string, unknown> };
    assert.deepEqual([error.code, error.reason, error.retryAfterMs], ['unavailable', 'overloaded', 1_000]);

    const paying = [post(server, '/pay'), post(server, '/pay')];
    await inside.untilEntered(4);
    assert.equal((await post(server, '/pay')).status, 503);
    inside.open();
    for (const answer of await Promise.all([...browsing, ...paying])) assert.equal(answer.status, 200);
    assert.equal((await post(server, '/browse')).status, 200);
  });

  it('refuses on /rpc, a whole request when nothing has room and else call by call', async () => {
    const inside = new Gate();
    const limit = fixedLimit(4);
    const service = implement(gate, { pay: inside.handle, browse: inside.handle }, { interceptors: [shedLoad(limit)] });
    await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, admission: limit });
    const call = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: name, params: {} });
    const batch = ['browse', 'browse', 'browse', 'pay'].map((name, id) => call(id, name));
    const first = post(server, '/rpc', JSON.stringify(batch));
    const paying = post(server, '/pay');
    await inside.untilEntered(4);

    const refused = await post(server, '/rpc', JSON.stringify(call(1, 'pay')));
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('retry-after'), '1');
    inside.open();
    const answers = (await (await first).json()) as { id: number; error?: { data: { reason: string } } }[];
    assert.deepEqual(
      answers.map(({ id, error }) => [id, error?.data.reason]),
      [
        [0, undefined],
        [1, undefined],
        [2, 'overloaded'],
        [3, undefined],
      ],
    );
    assert.equal((await paying).status, 200);
  });
});

describe('a service that stops', () => {
  it('fails readiness first and still serves, then finishes the calls in flight and their deferred tasks', async () => {
    const inside = new Gate();
    const deferred: string[] = [];
    inside.onCall = (call) => call.defer(async () => void deferred.push(await sleep(50, 'written')));
    const service = implement(gate, { pay: inside.handle, browse: inside.handle });
    // Longer than any machine takes for the two requests that come meanwhile.
    const drain = { notReadyMs: 2_000, finishMs: 10_000 };
    const server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, drain });
    const underWay = post(server, '/pay');
    await inside.untilEntered(1);

    const closed = server.close();
    assert.equal((await fetch(`${server.url}/readyz`)).status, 503);
    const late = post(server, '/browse');
    await inside.untilEntered(2);
    inside.open();
    assert.equal((await late).status, 200);
    assert.equal((await underWay).status, 200);
    await closed;
    assert.deepEqual(deferred, ['written', 'written']);
    await assert.rejects(fetch(`${server.url}/readyz`));
  });

  it('cuts off calls that outlast the drain', async () => {
    const inside = new Gate();
    const { promise: aborted, resolve: abort } = Promise.withResolvers<unknown>();
    inside.onCall = ({ signal }) => signal.addEventListener('abort', () => abort(signal.reason));
    const service = implement(gate, { pay: inside.handle, browse: inside.handle });
    const server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, drain: { finishMs: 100 } });
    const cut = assert.rejects(post(server, '/pay'));
    await inside.untilEntered(1);
    await server.close();
    await cut;
    assert.equal(((await aborted) as RpcError).code, 'cancelled');
  });

  it('answers before it does what the call deferred', async () => {
    const answered = Promise.withResolvers<void>();
    const done = Promise.withResolvers<string>();
    const handler = async (_params: object, call: ServedCall): Promise<Record<string, never>> => {
      // If the answer waited for it, neither would ever come.
      call.defer(async () => {
        await answered.promise;
        done.resolve('done');
      });
      return {};
    };
    await using server = await serveHttp(implement(gate, { pay: handler, browse: handler }), {
      host: '127.0.0.1',
      port: 0,
      logger,
    });
    assert.equal((await post(server, '/pay')).status, 200);
    answered.resolve();
    assert.equal(await done.promise, 'done');
  });
});

describe('an answer that is too large', () => {
  const text = defineService(
    'text',
    { summary: 'Repeats.', version: '1' },
    {
      repeat: {
        summary: 'Repeats a letter.',
        params: z.strictObject({ times: z.int() }),
        result: z.object({ text: z.string() }),
        timeoutMs: 1_000,
        example: { params: { times: 1 }, result: { text: 'a' } },
      },
    },
  );
  const service = implement(text, { repeat: async ({ times }) => ({ text: 'a'.repeat(times) }) });
  const limits = { answerBytesMax: 1_000 };

  it('is replaced by an error on both faces, and the connection stays open', async () => {
    await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, limits });
    const plain = await post(server, '/repeat', '{"times":1000}');
    assert.equal(plain.status, 500);
    const { error } = (await plain.json()) as { error: { code: string; message: string } };
    assert.deepEqual([error.code, error.message], ['internal', 'The answer would be larger than 1000 bytes']);

    const rpc = await post(server, '/rpc', '{"jsonrpc":"2.0","id":1,"method":"repeat","params":{"times":1000}}');
    assert.equal(rpc.status, 200);
    const answer = (await rpc.json()) as { id: unknown; error: { code: number } };
    assert.deepEqual([answer.id, answer.error.code], [1, -32603]);

    assert.equal((await post(server, '/repeat', '{"times":900}')).status, 200);
  });
});
