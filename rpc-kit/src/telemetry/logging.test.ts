import assert from 'node:assert/strict';
import { pino } from 'pino';
import sinon from 'sinon';
import { z } from 'zod';
import type { Call, Next } from '../call.ts';
import { defineService } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { implement } from '../server.ts';
import { testCall } from '../testing.ts';
import { logScope } from './log-scope.ts';
import { clientLogging, serverLogging } from './logging.ts';

const shop = defineService(
  'shop',
  { summary: 'Sells.', version: '1.0.0' },
  {
    enter: {
      summary: 'Lets in.',
      params: z.strictObject({ token: z.string().max(20) }),
      result: z.object({ session: z.string() }),
      timeoutMs: 100,
      example: { params: { token: 't' }, result: { session: 's' } },
    },
  },
);
const { enter } = shop.methods;

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly request_id?: string;
  readonly err?: { readonly message: string };
  readonly [field: string]: unknown;
}

describe('the log of a server', () => {
  let text: string;
  const logger = pino(
    { mixin: logScope, base: undefined, timestamp: false },
    {
      write(line: string) {
        text += line;
      },
    },
  );
  const lines = (): Line[] =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const logged = (next: Next, overrides: Partial<Call> = {}): Promise<unknown> =>
    serverLogging(logger)(next)(
      testCall({ service: 'shop', method: 'enter', contract: enter, requestId: 'r1', ...overrides }),
    );
  beforeEach(() => {
    text = '';
  });

  it('has no line for a poll that went well, and one for a poll that failed', async () => {
    const contract = { ...enter, polled: true };
    await logged(async () => 'result', { contract });
    assert.deepEqual(lines(), []);
    const failure = new RpcError('not_found', 'There is none');
    await assert.rejects(
      logged(() => Promise.reject(failure), { contract }),
      failure,
    );
    assert.equal(lines()[0]?.code, 'not_found');
  });

  it('has one line for a call that went well', async () => {
    const clock = sinon.useFakeTimers();
    assert.equal(
      await logged(() => clock.tickAsync(12).then(() => 'result'), { caller: { name: 'web/1.0' } }),
      'result',
    );
    clock.restore();
    assert.deepEqual(lines(), [
      { level: 30, request_id: 'r1', method: 'enter', caller: 'web/1.0', code: 'ok', ms: 12, msg: 'call' },
    ]);
  });

  it("logs a caller's mistake as routine", async () => {
    const refused = new RpcError('failed_precondition', 'no', { reason: 'closed' });
    await assert.rejects(
      logged(() => Promise.reject(refused)),
      refused,
    );
    const [{ level, code, reason, err, msg }] = lines() as [Line];
    assert.deepEqual([level, code, reason, err, msg], [30, 'failed_precondition', 'closed', undefined, 'call']);
  });

  it('logs the cause of an internal failure, which the caller does not receive', async () => {
    await assert.rejects(logged(() => Promise.reject(new Error('relation "orders" does not exist'))));
    const [{ level, code, err, msg, request_id }] = lines() as [Line];
    assert.deepEqual([level, code, msg, request_id], [50, 'internal', 'call failed', 'r1']);
    assert.equal(err?.message, 'relation "orders" does not exist');
  });

  it('warns of a failure with its cause', async () => {
    const cause = new Error('connect ECONNREFUSED');
    await assert.rejects(logged(() => Promise.reject(new RpcError('unavailable', 'It is away', { cause }))));
    const [{ level, code, err }] = lines() as [Line];
    assert.deepEqual([level, code, err?.message], [40, 'unavailable', 'connect ECONNREFUSED']);
  });

  it('logs an internal error without a cause itself', async () => {
    await assert.rejects(
      logged(() => Promise.reject(new RpcError('internal', 'The answer does not fit the contract'))),
    );
    assert.equal(lines()[0]?.err?.message, 'The answer does not fit the contract');
  });

  it('names no method that the service does not have: the names come from outside', async () => {
    await assert.rejects(
      logged(() => Promise.reject(new RpcError('method_not_found', 'no')), {
        contract: undefined,
        method: 'x'.repeat(1e6),
      }),
    );
    assert.equal(lines()[0]?.method, 'unknown');
  });

  it('puts the request id on every line that is written while the call runs, and on none after', async () => {
    const inner = async (): Promise<void> => {
      logger.info('from below');
      await Promise.resolve();
      logger.info('from below, later');
    };
    await logged(inner);
    logger.info('from elsewhere');
    assert.deepEqual(
      lines().map(({ msg, request_id }) => [msg, request_id]),
      [
        ['from below', 'r1'],
        ['from below, later', 'r1'],
        ['call', 'r1'],
        ['from elsewhere', undefined],
      ],
    );
  });

  it('adds the trace of the call to its lines, but no malformed one', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await logged(async () => {}, { traceparent: `00-${trace}-b7ad6b7169203331-01` });
    await logged(async () => {}, { traceparent: 'hello' });
    assert.deepEqual(
      lines().map((line) => [line.trace_id, line.span_id]),
      [
        [trace, 'b7ad6b7169203331'],
        [undefined, undefined],
      ],
    );
  });

  it('never holds params, results, keys or tokens, however the call ends', async () => {
    const outcomes: (() => Promise<{ session: string }>)[] = [
      async () => ({ session: 'secret-session' }),
      async () => ({ session: 5 }) as never,
      () => Promise.reject(new RpcError('unavailable', 'It is away', { cause: new Error('down') })),
      () => Promise.reject(new Error('broken')),
    ];
    for (const outcome of outcomes) {
      const service = implement(shop, { enter: outcome }, { interceptors: [serverLogging(logger)] });
      for (const token of ['secret-token', 'secret-token that is too long']) {
        const call = testCall({
          service: 'shop',
          method: 'enter',
          params: { token },
          caller: { authorization: 'Bearer secret', idempotencyKey: 'secret-key' },
        });
        await service.call(call).catch(() => {});
      }
    }
    assert.equal(lines().length, 2 * outcomes.length);
    assert.doesNotMatch(text, /secret/);
  });
});

describe('the log of a client', () => {
  const lines: Line[] = [];
  const logger = pino(
    { base: undefined, timestamp: false },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  const asked = (next: Next) =>
    clientLogging(logger)(next)(testCall({ service: 'shop', method: 'enter', contract: enter }));

  beforeEach(() => {
    lines.splice(0);
    logger.level = 'debug';
  });

  it('has a line at debug for each call, however it ends', async () => {
    await asked(async () => 'result');
    const closed = new RpcError('failed_precondition', 'no', { reason: 'closed' });
    await assert.rejects(
      asked(() => Promise.reject(closed)),
      closed,
    );
    assert.deepEqual(
      lines.map(({ level, peer, peer_method, code, reason }) => [level, peer, peer_method, code, reason]),
      [
        [20, 'shop', 'enter', 'ok', undefined],
        [20, 'shop', 'enter', 'failed_precondition', 'closed'],
      ],
    );
  });

  it('has none at info', async () => {
    logger.level = 'info';
    assert.equal(await asked(async () => 'result'), 'result');
    assert.deepEqual(lines, []);
  });
});
