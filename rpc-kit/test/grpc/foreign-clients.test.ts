import assert from 'node:assert/strict';
import { CODES, type Code, type ServedCall } from 'rpc-kit';
import { GRPC_LIMITS, type GrpcServer } from 'rpc-kit/grpc';
import { decodeStatus } from '../../src/grpc/status.ts';
import { GRPC_STATUS } from '../../src/grpc/status-code.ts';
import {
  createConnectRpcClient,
  createGrpcJsClient,
  type ForeignClient,
  type ForeignClientOptions,
  ForeignError,
} from './foreign-clients.ts';
import { codec, serveSubject } from './subject.ts';

const clients = { 'grpc-js': createGrpcJsClient, Connect: createConnectRpcClient };

for (const [name, createForeign] of Object.entries(clients)) {
  describe(`a ${name} client of the gRPC server`, () => {
    let open: AsyncDisposableStack;
    let server: GrpcServer;
    let waiting: PromiseWithResolvers<ServedCall>;
    let last: ServedCall | undefined;

    beforeEach(async () => {
      open = new AsyncDisposableStack();
      waiting = Promise.withResolvers();
      last = undefined;
      server = await serveSubject({
        onCall(call) {
          last = call;
          waiting.resolve(call);
        },
      });
      open.defer(() => server.close(0));
    });
    afterEach(() => open[Symbol.asyncDispose]());

    const clientOf = (options?: ForeignClientOptions): ForeignClient => open.use(createForeign(server.port, options));

    async function failureOf(call: Promise<unknown>): Promise<ForeignError> {
      const error = await call.then(
        () => assert.fail('the call has succeeded'),
        (thrown) => thrown,
      );
      assert.ok(error instanceof ForeignError, error);
      return error;
    }

    it('gets what the service answers, with 64-bit numbers and times exact', async () => {
      const value = {
        text: 'снова 🚀',
        big: 2n ** 63n - 1n,
        at: { seconds: 1_700_000_000n, nanos: 5_000_000 },
        list: [1, 2 ** 32 - 1],
      };
      const { message, headers } = await clientOf().call('echo', { value });
      assert.deepEqual(
        [message.text, message.big, (message.at as { nanos: number }).nanos, message.list],
        [value.text, value.big, 5_000_000, value.list],
      );
      assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    });

    it('sends and gets an empty message', async () => {
      const { message } = await clientOf().call('echo');
      assert.deepEqual([message.text, message.list], [undefined, []]);
    });

    it('sends and gets a message of almost a megabyte', async () => {
      const text = 'x'.repeat(GRPC_LIMITS.messageBytesMax - 100);
      assert.equal((await clientOf().call('echo', { value: { text } })).message.text, text);
    });

    it('is refused a message that is larger than the limit', async () => {
      const text = 'x'.repeat(GRPC_LIMITS.messageBytesMax);
      const { code, message } = await failureOf(clientOf().call('echo', { value: { text } }));
      assert.deepEqual([code, message], [8, 'The message is larger than 1048576 bytes']);
    });

    it('may compress its messages by gzip, as long as they are within the limit when they are inflated', async () => {
      const client = clientOf({ gzip: true });
      const text = 'x'.repeat(1_000_000);
      assert.equal((await client.call('echo', { value: { text } })).message.text, text);
      const tooLarge = await failureOf(client.call('echo', { value: { text: 'x'.repeat(5_000_000) } }));
      assert.deepEqual([tooLarge.code, tooLarge.message], [8, 'The message is larger than 1048576 bytes']);
    });

    for (const code of Object.keys(CODES) as Code[]) {
      it(`sees the code ${code} as gRPC ${GRPC_STATUS[code]}, with our code in the details`, async () => {
        const error = await failureOf(
          clientOf().call('refuse', { value: { code: codeNumber(code), retryAfterMs: 1_500 } }),
        );
        assert.deepEqual([error.code, error.message], [GRPC_STATUS[code], `It is ${code}: 100 % 🚀`]);
        const restored = decodeStatus(error.code, error.message, error.statusBytes, undefined);
        assert.deepEqual([restored.code, restored.retryAfterMs], [code, 1_500]);
        assert.equal(error.trailers.get('grpc-retry-pushback-ms'), '1500');
      });
    }

    it('gets the typed details of a reason', async () => {
      const { code, message, statusBytes } = await failureOf(clientOf().call('sell', { value: { missing: 3 } }));
      const restored = decodeStatus(code, message, statusBytes, codec.byName.get('sell')?.details);
      assert.deepEqual(
        [restored.code, restored.reason, JSON.stringify(restored.details, bigintText)],
        ['failed_precondition', 'out_of_stock', '{"orderID":"1152921504606846976","missing":[1,2,3]}'],
      );
    });

    it('learns which params are wrong', async () => {
      const { code, message, statusBytes } = await failureOf(clientOf().call('refuse', { value: {} }));
      assert.equal(code, 3);
      const { details, requestId } = decodeStatus(code, message, statusBytes, undefined);
      assert.match(JSON.stringify(details), /"path":"code"/);
      assert.match(String(requestId), /^[0-9a-f-]{36}$/);
    });

    it('passes on request id, trace, idempotency key and authorization', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const headers = {
        'x-request-id': 'own-1',
        traceparent,
        tracestate: 'a=1',
        baggage: 'user=7',
        'idempotency-key': 'key 1',
        authorization: 'Bearer token',
      };
      const answer = await clientOf().call('echo', { headers });
      const { requestId, tracestate, baggage, caller, nested } = last as ServedCall;
      assert.deepEqual(
        { requestId, tracestate, baggage, nested, traceparent: last?.traceparent },
        {
          requestId: 'own-1',
          tracestate: 'a=1',
          baggage: 'user=7',
          nested: true,
          traceparent,
        },
      );
      const { address, authorization, idempotencyKey } = caller;
      assert.deepEqual([address, authorization, idempotencyKey], ['127.0.0.1', 'Bearer token', 'key 1']);
      assert.match(String(caller.name), /^(grpc-node|connect-es)/);
      // The caller knows its own id.
      assert.equal(answer.headers.has('x-request-id'), false);
    });

    it('has its deadline passed on, and its call ends at it', async () => {
      const calledAt = performance.now();
      const failure = failureOf(clientOf().call('wait', { timeoutMs: 300 }));
      const call = await waiting.promise;
      assert.ok(
        call.deadlineAt - calledAt > 0 && call.deadlineAt - calledAt < 5_000,
        String(call.deadlineAt - calledAt),
      );
      assert.equal((await failure).code, 4);
      await aborted(call);
    });

    it('cancels its call', async () => {
      const leaving = new AbortController();
      const failure = failureOf(clientOf().call('wait', { signal: leaving.signal }));
      const call = await waiting.promise;
      leaving.abort();
      assert.equal((await failure).code, 1);
      await aborted(call);
      assert.equal(call.signal.reason.code, 'cancelled');
    });

    it('reads a stream of items to its end', async () => {
      const numbers: unknown[] = [];
      for await (const { number } of clientOf().stream('count', { value: { to: 1_000 } })) numbers.push(number);
      assert.deepEqual(
        numbers,
        Array.from({ length: 1_000 }, (_, index) => index + 1),
      );
    });

    it('makes many calls at a time on one connection', async () => {
      const client = clientOf();
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, index) => client.call('echo', { value: { big: BigInt(index) } })),
      );
      assert.deepEqual(
        answers.map(({ message }) => message.big),
        answers.map((_, index) => BigInt(index)),
      );
    });
  });
}

async function aborted({ signal }: ServedCall): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** The number of a value of the enum, in the order of the contract. */
function codeNumber(code: Code): number {
  return Object.keys(CODES).indexOf(code) + 1;
}

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
