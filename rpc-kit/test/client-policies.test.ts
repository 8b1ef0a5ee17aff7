import assert from 'node:assert/strict';
import { once } from 'node:events';
import { pino } from 'pino';
import {
  type Call,
  type Client,
  createBalancer,
  createCircuitBreaker,
  createClient,
  createHttpTransport,
  createRetryBudget,
  type HttpServer,
  hedging,
  type Interceptor,
  implement,
  OVERLOADED,
  RpcError,
  retry,
  serveHttp,
} from 'rpc-kit';
import type { Balancer } from '../src/calling/balancer.ts';
import type { CircuitBreakerOptions } from '../src/calling/circuit-breaker.ts';
import { PATIENT_MS, shop } from './call-stubs.ts';

/** The policies together, over HTTP, against servers that are killed, overloaded or broken. */
describe('the policies of a client over HTTP', () => {
  const logger = pino({ level: 'silent' });
  let open: AsyncDisposableStack;
  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(() => open[Symbol.asyncDispose]());

  interface Shop {
    readonly url: string;
    /** What has arrived here, in order. */
    readonly received: { readonly method: string; readonly at: number }[];
    /** Closes the server; calls in flight are cut off. */
    kill(): Promise<void>;
    /** Puts a new one in its place, at the same address. */
    restart(): Promise<void>;
  }

  type Answer = (call: Call) => Promise<Record<string, never>>;

  const atOnce: Answer = async () => ({});

  async function startShop(answer: Answer = atOnce, refuse: (call: Call) => void = () => {}): Promise<Shop> {
    const received: Shop['received'][number][] = [];
    const count: Interceptor = (next) => async (call) => {
      received.push({ method: call.method, at: performance.now() });
      refuse(call);
      return next(call);
    };
    const handlers = {
      look: (_params: object, call: Call) => answer(call),
      buy: (_params: object, call: Call) => answer(call),
      ring: (_params: object, call: Call) => answer(call),
    };
    const listen = (port: number): Promise<HttpServer> =>
      serveHttp(implement(shop, handlers, { interceptors: [count] }), { port, host: '127.0.0.1', logger });
    let server = await listen(0);
    const { url, port } = server;
    const kill = () => server.close(0);
    open.defer(kill);
    return {
      url,
      received,
      kill,
      async restart() {
        server = await listen(port);
      },
    };
  }

  interface Customer {
    readonly client: Client<typeof shop.methods>;
    readonly balancer: Balancer;
    readonly log: string[];
  }

  function createCustomer(
    shops: readonly Shop[],
    interceptors: readonly Interceptor[],
    breaker: CircuitBreakerOptions = {},
  ): Customer {
    const log: string[] = [];
    const name = (url: string): string => `${shops.findIndex((one) => one.url === url)}`;
    const balancer = createBalancer({
      endpoints: shops.map(({ url }) => url),
      // Fewer than the calls that meet a dead server before its latency alone keeps the others away.
      failuresMax: 3,
      ejectionMs: 100,
      connect: (url) => {
        const on = {
          open: () => log.push(`${name(url)} open`),
          close: () => log.push(`${name(url)} closed`),
        };
        return createCircuitBreaker({ restMs: 100, ...breaker, on }).guard(
          createHttpTransport(url, { userAgent: 'customer/1', batching: false }),
        );
      },
      on: {
        eject: ({ endpoint }) => log.push(`${name(endpoint)} ejected`),
        readmit: ({ endpoint }) => log.push(`${name(endpoint)} readmitted`),
      },
    });
    open.use(balancer);
    return { client: createClient(shop, balancer, { interceptors }), balancer, log };
  }

  /** Makes calls, some at a time, and returns their failures. */
  async function crowd(count: number, atATime: number, call: (index: number) => Promise<unknown>): Promise<unknown[]> {
    const failures: unknown[] = [];
    let begun = 0;
    const worker = async (): Promise<void> => {
      while (begun < count) await call(begun++).catch((error) => failures.push(error));
    };
    await Promise.all(Array.from({ length: atATime }, worker));
    return failures;
  }

  it('a server that is killed under load fails no read, and gets its share again when it is back', async () => {
    const shops = await Promise.all([startShop(), startShop()]);
    const [, second] = shops as [Shop, Shop];
    const { client, log } = createCustomer(shops, [retry({ budget: createRetryBudget() })]);
    const failures = await crowd(900, 10, async (index) => {
      if (index === 300) void second.kill();
      await client.look({});
    });
    assert.deepEqual(failures, []);
    assert.ok(second.received.length > 0);
    assert.ok(log.includes('1 ejected'), log.join());

    await second.restart();
    const before = second.received.length;
    const deadline = performance.now() + PATIENT_MS;
    while (second.received.length < before + 50 && performance.now() < deadline) {
      assert.deepEqual(await crowd(50, 10, () => client.look({})), []);
    }
    assert.ok(second.received.length >= before + 50, log.join());
  });

  it('each of two servers may be restarted in turn, and neither a read fails nor a write with a key', async () => {
    const shops = await Promise.all([startShop(), startShop()]);
    const { client } = createCustomer(shops, [retry({ budget: createRetryBudget() })]);
    const call = (index: number) => (index % 2 === 0 ? client.look({}) : client.buy({ idempotencyKey: `k${index}` }));
    assert.deepEqual(await crowd(150, 10, call), []);
    for (const each of shops) {
      await each.kill();
      assert.deepEqual(await crowd(150, 10, call), []);
      await each.restart();
      assert.deepEqual(await crowd(150, 10, call), []);
    }
  });

  it('a write that finds no server at one address goes to the other', async () => {
    const shops = await Promise.all([startShop(), startShop()]);
    await shops[0]?.kill();
    const { client } = createCustomer(shops, []);
    assert.deepEqual(await crowd(50, 5, () => client.ring({})), []);
    assert.equal(shops[1]?.received.length, 50);
  });

  it('a write that was cut off is not sent again; a write with a key is, and so is a read', async () => {
    for (const [method, params, expected] of [
      ['ring', {}, 1],
      ['buy', {}, 1],
      ['buy', { idempotencyKey: 'k1' }, 2],
      ['look', {}, 2],
    ] as const) {
      const shops: Shop[] = [];
      let cutOff = false;
      const cutFirst: Answer = async ({ signal }) => {
        if (cutOff) return {};
        cutOff = true;
        const gone = once(signal, 'abort');
        for (const each of shops.filter(({ received }) => received.length > 0)) void each.kill();
        await gone;
        return {};
      };
      shops.push(await startShop(cutFirst), await startShop(cutFirst));
      const { client } = createCustomer(shops, [retry({ budget: createRetryBudget() })]);
      const [outcome] = await Promise.allSettled([client[method](params as never)]);
      const arrived = shops.flatMap(({ received }) => received).length;
      assert.deepEqual([outcome.status, arrived], [expected === 1 ? 'rejected' : 'fulfilled', expected], method);
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'unavailable');
    }
  });

  it('push-back is waited out, also by a write, and opens no circuit', async () => {
    const retryAfterMs = 120;
    let refusals = 4;
    const one = await startShop(atOnce, () => {
      if (refusals-- > 0) throw new RpcError('unavailable', 'Too much to do', { reason: OVERLOADED, retryAfterMs });
    });
    const budget = createRetryBudget({ perSecondMin: 10 });
    const { client, log, balancer } = createCustomer([one], [retry({ budget, attemptsMax: 5 })], { failuresMax: 2 });
    await client.ring({});
    const times = one.received.map(({ at }) => at);
    assert.equal(times.length, 5);
    for (const [index, at] of times.entries()) {
      if (index > 0)
        assert.ok(at - (times[index - 1] as number) >= retryAfterMs, `attempt ${index + 1} came too early`);
    }
    assert.deepEqual(log, []);
    assert.deepEqual(
      balancer.endpoints.map(({ health }) => health.name),
      ['serving'],
    );
  });

  it('push-back that does not fit into the deadline fails the call at once', async () => {
    const one = await startShop(atOnce, () => {
      throw new RpcError('unavailable', 'Too much to do', { reason: OVERLOADED, retryAfterMs: 2 * PATIENT_MS });
    });
    const { client } = createCustomer([one], [retry({ budget: createRetryBudget() })]);
    // Had it waited, it would have failed by its deadline.
    await assert.rejects(client.look({}), { code: 'unavailable', retryAfterMs: 2 * PATIENT_MS });
    assert.equal(one.received.length, 1);
  });

  for (const breaker of [false, true]) {
    it(`a storm stays within the budget ${breaker ? 'and a breaker cuts it short' : 'without a breaker'}`, async () => {
      const calls = 500;
      const shops = await Promise.all(
        [0, 1].map(() => startShop(() => Promise.reject(new RpcError('unavailable', 'No')))),
      );
      const interceptors = [retry({ budget: createRetryBudget() })];
      const never = { failuresMax: Number.POSITIVE_INFINITY, successRateMin: 0 };
      const { client, log } = createCustomer(shops, interceptors, breaker ? {} : never);
      const startedAt = performance.now();
      const failures = await crowd(calls, 20, () => client.look({}));
      const seconds = (performance.now() - startedAt) / 1_000;
      assert.equal(failures.length, calls);
      const arrived = shops.flatMap(({ received }) => received).length;
      assert.ok(arrived <= 1.1 * calls + seconds + 1, `${arrived} requests of ${calls} calls in ${seconds} s`);
      if (breaker) assert.ok(arrived < calls / 2 && log.includes('0 open') && log.includes('1 open'), `${arrived}`);
      else assert.ok(arrived > calls, `${arrived}`);
    });
  }

  it('a circuit that is open refuses at once, and closes when the server is back', async () => {
    const one = await startShop();
    // Longer than any machine takes for six calls, and shorter than a call may take that waits it out.
    const restMs = PATIENT_MS / 4;
    const { client, log, balancer } = createCustomer([one], [], { restMs });
    await one.kill();
    for (let each = 0; each < 5; each++) await assert.rejects(client.look({}), { retryAfterMs: undefined });
    await assert.rejects(client.look({}), ({ code, neverSent, retryAfterMs }: RpcError) => {
      return code === 'unavailable' && neverSent && retryAfterMs !== undefined && retryAfterMs <= restMs + 2;
    });
    await one.restart();
    // The pause before the retry is the rest of the circuit, and the retry is its probe.
    const patient = createClient(shop, balancer, { interceptors: [retry({ budget: createRetryBudget() })] });
    await patient.look({});
    await client.look({});
    assert.deepEqual(log, ['0 open', '0 closed']);
  });

  it('a hedged read returns the answer of the faster server, and the slower one is aborted', async () => {
    const gone = Promise.withResolvers<void>();
    let first = true;
    const slowOnce: Answer = async ({ signal }) => {
      if (!first) return {};
      first = false;
      await once(signal, 'abort');
      gone.resolve();
      return {};
    };
    const shops = await Promise.all([startShop(slowOnce), startShop(slowOnce)]);
    const { client } = createCustomer(shops, [hedging({ budget: createRetryBudget(), afterMs: 20 })]);
    assert.deepEqual(await client.look({}), {});
    await gone.promise;
    assert.deepEqual(
      shops.map(({ received }) => received.length),
      [1, 1],
    );
  });
});
