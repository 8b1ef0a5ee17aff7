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
  type Interceptor,
  implement,
  type RpcError,
  retry,
  serveHttp,
} from 'rpc-kit';
import { PATIENT_MS, shop } from './call-stubs.ts';
import { createTcpProxy, type Fault, type TcpProxy } from './tcp-proxy.ts';

type Shop = Client<typeof shop.methods>;

/** A call with a shorter deadline that takes this long has waited for the method's own timeout. */
const LATE_MS = PATIENT_MS - 1_000;
/** A circuit's rest: a call that has less time is refused, one that has more waits it out. */
const REST_MS = 2_000;

describe('a network between client and server', () => {
  let open: AsyncDisposableStack;
  let proxy: TcpProxy;
  /** The methods whose handlers ran, in order. */
  let executed: string[];
  /** What has been bought, by idempotency key; without a key, each is one. */
  let bought: Set<string>;
  /** What handlers do before they answer. */
  let work: (call: Call) => Promise<unknown>;

  beforeEach(async () => {
    open = new AsyncDisposableStack();
    executed = [];
    bought = new Set();
    work = async () => {};
    const count: Interceptor = (next) => (call) => {
      executed.push(call.method);
      return next(call);
    };
    const answer = async (_params: object, call: Call) => {
      await work(call);
      return {};
    };
    const service = implement(
      shop,
      {
        look: answer,
        ring: answer,
        async buy({ idempotencyKey }, call) {
          await work(call);
          bought.add(idempotencyKey ?? `${bought.size}`);
          return {};
        },
      },
      { interceptors: [count] },
    );
    const server = await serveHttp(service, { port: 0, host: '127.0.0.1', logger: pino({ level: 'silent' }) });
    open.defer(() => server.close(0));
    proxy = open.use(await createTcpProxy(server.port));
  });
  afterEach(() => open[Symbol.asyncDispose]());

  /** Makes each call once. */
  function bareClient(): Shop {
    return createClient(shop, open.use(createHttpTransport(proxy.url, { userAgent: 'bare/1' })));
  }

  /** Retries, a budget, a breaker and a balancer, as services call each other. */
  function fullClient(onRetry: () => void = () => {}): Shop {
    const balancer = createBalancer({
      endpoints: [proxy.url],
      connect: (url) =>
        createCircuitBreaker({ restMs: REST_MS }).guard(createHttpTransport(url, { userAgent: 'full/1' })),
    });
    open.use(balancer);
    const budget = createRetryBudget({ perSecondMin: 10 });
    return createClient(shop, balancer, { interceptors: [retry({ budget, on: { retry: onRetry } })] });
  }

  const clients = [
    ['a bare client', bareClient],
    ['a client with every policy', fullClient],
  ] as const;

  const brokenReplies: readonly (readonly [string, Fault])[] = [
    ['is dropped', { kind: 'drop reply' }],
    ['is reset in its head', { kind: 'reset reply', of: 'head', afterBytes: 20 }],
    ['is reset in its body', { kind: 'reset reply', of: 'body', afterBytes: 20 }],
  ];

  for (const [what, fault] of brokenReplies) {
    for (const [who, create] of clients) {
      it(`a write without a key whose reply ${what} fails as unavailable and has run once, by ${who}`, async () => {
        const client = create();
        proxy.next(fault);
        await assert.rejects(client.ring({}), { code: 'unavailable', neverSent: false });
        assert.deepEqual(executed, ['ring']);
        await client.ring({});
        assert.deepEqual(executed, ['ring', 'ring']);
      });
    }

    it(`a write with a key whose reply ${what} is sent again and has one effect`, async () => {
      const client = fullClient();
      proxy.next(fault);
      await client.buy({ idempotencyKey: 'k1' });
      assert.deepEqual([executed, [...bought]], [['buy', 'buy'], ['k1']]);
    });

    it(`a read whose reply ${what} is sent again and succeeds`, async () => {
      const client = fullClient();
      proxy.next(fault);
      await client.look({});
      assert.deepEqual(executed, ['look', 'look']);
    });
  }

  it('a batch whose reply is reset fails each of its calls on its own', async () => {
    const client = bareClient();
    const leaving = new AbortController();
    work = async () => leaving.abort();
    proxy.next({ kind: 'reset reply', of: 'body', afterBytes: 20 });
    const outcomes = await Promise.allSettled([
      client.buy({}),
      client.buy({ idempotencyKey: 'k1' }),
      client.buy({}),
      client.buy({}, { signal: leaving.signal }),
    ]);
    const codes = outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as RpcError).code);
    assert.deepEqual(codes, ['unavailable', 'unavailable', 'unavailable', 'cancelled']);
    assert.deepEqual([executed, proxy.accepted], [['buy', 'buy', 'buy', 'buy'], 1]);
    await Promise.all([client.look({}), client.ring({})]);
  });

  it('of a batch whose reply is reset, a call whose answer has arrived succeeds', async () => {
    const client = bareClient();
    proxy.next({ kind: 'reset reply', of: 'body', afterBytes: 60 });
    const outcomes = await Promise.allSettled([client.buy({}), client.buy({}), client.buy({})]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    );
    assert.equal(executed.length, 3);
  });

  it('of a batch whose reply is reset, what may be sent again is', async () => {
    const client = fullClient();
    proxy.next({ kind: 'reset reply', of: 'body', afterBytes: 20 });
    const calls = [client.buy({ idempotencyKey: 'k1' }), client.buy({ idempotencyKey: 'k2' }), client.buy({})];
    const outcomes = await Promise.allSettled(calls);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected'],
    );
    // Three arrived, and the two with a key came again; the one without is the third that was bought.
    assert.equal(executed.length, 5);
    assert.deepEqual([...bought].toSorted(), ['2', 'k1', 'k2']);
    await client.ring({});
  });

  it('a black hole ends at the deadline, and opens the circuit after five calls', async () => {
    const client = fullClient();
    const timeoutMs = 100;
    await client.look({});
    proxy.set({ kind: 'black hole' });
    for (let calls = 1; calls <= 5; calls++) {
      const tookMs = await failing(client.look({}, { timeoutMs }), 'deadline_exceeded');
      assert.ok(tookMs >= timeoutMs - 2 && tookMs < LATE_MS, `call ${calls} took ${tookMs} ms`);
    }
    // With less time than the circuit rests, no retry fits in. Had it been sent, it would have met its deadline.
    await failing(client.look({}, { timeoutMs }), 'unavailable');
    assert.deepEqual(executed, ['look']);
    proxy.set({ kind: 'forward' });
    await client.look({});
  });

  for (const [what, fault, slower] of [
    ['slow', { kind: 'slow', delayMs: 100 }, { kind: 'slow', delayMs: 5_000 }],
    ['trickling', { kind: 'trickle', bytes: 40, intervalMs: 10 }, { kind: 'trickle', bytes: 1, intervalMs: 50 }],
  ] as const) {
    it(`a ${what} reply succeeds within the deadline, and beyond it is deadline_exceeded`, async () => {
      const client = fullClient();
      proxy.next(fault);
      await client.ring({});
      proxy.next(slower);
      // Enough for the request to arrive, and a fraction of what the reply takes.
      const timeoutMs = 1_000;
      const tookMs = await failing(client.ring({}, { timeoutMs }), 'deadline_exceeded');
      assert.ok(tookMs < LATE_MS, `${tookMs} ms`);
      await client.ring({});
      assert.deepEqual(executed, ['ring', 'ring', 'ring']);
    });
  }

  for (const [who, create] of clients) {
    it(`a handler is aborted when its caller leaves, by ${who}`, async () => {
      const client = create();
      const begun = Promise.withResolvers<Call>();
      work = async (call) => {
        begun.resolve(call);
        await once(call.signal, 'abort');
      };
      const leaving = new AbortController();
      const outcome = assert.rejects(client.look({}, { signal: leaving.signal }), { code: 'cancelled' });
      const { signal } = await begun.promise;
      assert.equal(signal.aborted, false);
      const heard = once(signal, 'abort');
      leaving.abort();
      await Promise.all([outcome, heard]);
      // Not the deadline, which is far: the connection went.
      assert.equal((signal.reason as RpcError).code, 'cancelled');
      work = async () => {};
      await client.look({});
    });
  }

  it('a handler hears that the deadline of its caller has passed', async () => {
    const client = bareClient();
    const heard = Promise.withResolvers<RpcError>();
    work = async ({ signal }) => {
      await once(signal, 'abort');
      heard.resolve(signal.reason as RpcError);
    };
    await failing(client.look({}, { timeoutMs: 1_000 }), 'deadline_exceeded');
    // Whichever comes first: the server knows the deadline, and the connection goes with it.
    assert.ok(['deadline_exceeded', 'cancelled'].includes((await heard.promise).code));
    work = async () => {};
    await client.look({});
  });

  it('a write that is refused a connection is sent again once the peer listens, and runs once', async () => {
    const reopen = Promise.withResolvers<void>();
    const client = fullClient(reopen.resolve);
    await proxy.refuse();
    const outcome = client.ring({});
    await reopen.promise;
    await proxy.accept();
    await outcome;
    assert.deepEqual(executed, ['ring']);
  });
});

/** How long a call took to fail, in milliseconds. */
async function failing(call: Promise<unknown>, code: RpcError['code']): Promise<number> {
  const startedAt = performance.now();
  await assert.rejects(call, { code });
  return performance.now() - startedAt;
}
