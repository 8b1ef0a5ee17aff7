import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, failedWith } from 'rpc-kit';
import sinon from 'sinon';
import { checkout } from '../contract.ts';
import { failureOf, ORDER_ID, pendingOf, type StubbedPorts, stubPorts, USER } from '../test/port-stubs.ts';
import { createApp } from './app.ts';
import { RESUME_BATCH_MAX } from './domain/resume-purchases.ts';

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly purchase_id?: string;
  readonly err?: { readonly message: string };
  readonly [field: string]: unknown;
}

describe('the app', () => {
  let ports: StubbedPorts;
  let lines: LogLine[];
  beforeEach(() => {
    ports = stubPorts();
    ports.orderDesk.order.resolves({ state: 'ordered', orderID: ORDER_ID });
    lines = [];
  });

  function start() {
    const logger = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
    return createApp({ ...ports, logger, registry: new Registry() });
  }

  /** Lets everything run that waits for no timer. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  it('finishes interrupted purchases as soon as it starts', async () => {
    ports.unfinished.claim.onFirstCall().resolves([pendingOf('a'), pendingOf('b')]);
    await using _app = start();
    await settled();
    assert.deepEqual(
      ports.purchases.settle.args.map(([{ purchaseID }]) => purchaseID),
      ['a', 'b'],
    );
    sinon.assert.calledOnce(ports.unfinished.claim);
  });

  it('claims the next batch at once after a full one', async () => {
    const batch = Array.from({ length: RESUME_BATCH_MAX }, (_, index) => pendingOf(`${index}`));
    ports.unfinished.claim.onFirstCall().resolves(batch);
    await using _app = start();
    await settled();
    sinon.assert.calledTwice(ports.unfinished.claim);
  });

  it('logs a purchase that could not be finished, with its id and the error', async () => {
    ports.unfinished.claim.onFirstCall().resolves([pendingOf('a')]);
    ports.orderDesk.order.rejects(new Error('no answer'));
    await using _app = start();
    await settled();
    const [warning] = lines.filter(({ level }) => level === 40);
    assert.equal(warning?.purchase_id, 'a');
    assert.equal(warning.err?.message, 'no answer');
  });

  it('cancels resumed purchases when it is disposed, and starts no further one', async () => {
    ports.unfinished.claim.onFirstCall().resolves([pendingOf('a')]);
    ports.orderDesk.order.callsFake((_pending, { signal }) => {
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => reject(signal.reason));
      return promise;
    });
    {
      await using _app = start();
      await settled();
      sinon.assert.calledOnce(ports.orderDesk.order);
    }
    sinon.assert.calledOnce(ports.unfinished.claim);
    sinon.assert.notCalled(ports.purchases.settle);
  });

  it('answers calls, and logs the hidden cause of a failure under the same request id', async () => {
    await using app = start();
    const client = createClient(checkout, app.service);
    assert(failedWith(await failureOf(client.purchase({ user: USER })), checkout.methods.purchase, 'cart_empty'));
    ports.warehouse.onSale.rejects(new TypeError('a mistake'));
    const failure = await failureOf(client.addToCart({ user: USER, sku: 1, count: 1 }, { requestId: 'request-7' }));
    assert.equal(String(failure), 'RpcError: Internal error');
    const logged = lines.map(({ method, code, reason, err }) => [method, code, reason, err?.message]);
    assert.deepEqual(logged, [
      ['purchase', 'failed_precondition', 'cart_empty', undefined],
      ['addToCart', 'internal', undefined, 'a mistake'],
    ]);
  });

  it('accepts the idempotency key from the params or from the call', async () => {
    ports.purchases.begin.callsFake(async (_user, key) => pendingOf('a', key));
    await using app = start();
    const { purchase } = createClient(checkout, app.service);
    await purchase({ user: USER, idempotencyKey: 'of the params' });
    await purchase({ user: USER }, { idempotencyKey: 'of the call' });
    assert.deepEqual(ports.purchases.begin.args, [
      [USER, 'of the params'],
      [USER, 'of the call'],
    ]);
  });
});
