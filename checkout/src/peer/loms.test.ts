import assert from 'node:assert/strict';
import { loms } from 'loms/contract.ts';
import { type Call, createClient, RpcError } from 'rpc-kit';
import sinon, { type SinonStub } from 'sinon';
import { failureOf, pendingOf, stubPorts, USER } from '../../test/port-stubs.ts';
import { createOrderDesk, createWarehouse } from './loms.ts';

describe('the peer loms', () => {
  const { context } = stubPorts();
  let call: SinonStub<[Call], Promise<unknown>>;
  beforeEach(() => {
    call = sinon.stub<[Call], Promise<unknown>>();
  });

  const client = () => createClient(loms, { call });
  const sent = () => call.firstCall.args[0];

  function assertContextHandedOn(): void {
    assert.equal(sent().requestId, context.requestId);
    assert.equal(sent().traceparent, context.traceparent);
  }

  describe('as a warehouse', () => {
    const onSale = () => createWarehouse(client()).onSale(10, { ...context, deadlineAt: performance.now() + 1_000 });

    it('sums the stock of all warehouses exactly', async () => {
      call.resolves({
        stocks: [
          { warehouseID: 1, count: 9_007_199_254_740_993n },
          { warehouseID: 2, count: 5 },
        ],
      });
      assert.equal(await onSale(), 9_007_199_254_740_998n);
      assert.equal(sent().method, 'stocks');
      assert.deepEqual(sent().params, { sku: 10 });
      assertContextHandedOn();
    });

    it('has no stock of a sku that is in no warehouse', async () => {
      call.resolves({ stocks: [] });
      assert.equal(await onSale(), 0n);
    });

    it('fails as a failure of checkout itself', async () => {
      call.rejects(new RpcError('unavailable', 'loms cannot be reached', { retryAfterMs: 50 }));
      const error = await failureOf(onSale());
      assert(error instanceof RpcError);
      assert.deepEqual([error.code, error.retryAfterMs], ['unavailable', 50]);
    });

    it('fails as internal on an answer outside the contract', async () => {
      call.resolves({ stocks: [{ warehouseID: 1, count: -1 }] });
      assert(!((await failureOf(onSale())) instanceof RpcError));
    });
  });

  describe('as an order desk', () => {
    const pending = pendingOf('0b0e2d8e-53f4-4d31-9a3c-0c8f9a8f9d10', "the user's own key");
    const order = () => createOrderDesk(client()).order(pending, { ...context, deadlineAt: performance.now() + 1_000 });

    it("orders the purchase's goods, with the purchase's id as the key", async () => {
      call.resolves({ orderID: 7 });
      assert.deepEqual(await order(), { state: 'ordered', orderID: 7n });
      assert.equal(sent().method, 'createOrder');
      const { user, ...params } = sent().params as Record<string, unknown>;
      assert.equal(JSON.stringify(user), String(USER));
      assert.deepEqual(params, { items: pending.items, idempotencyKey: pending.purchaseID });
      assertContextHandedOn();
    });

    it('returns the shortages of goods that are out of stock', async () => {
      const details = { orderID: 8, shortages: [{ sku: 10, requested: 3, available: 2 }] };
      call.rejects(new RpcError('failed_precondition', 'short', { reason: 'out_of_stock', details }));
      assert.deepEqual(await order(), {
        state: 'out of stock',
        orderID: 8n,
        shortages: [{ sku: 10, requested: 3, available: 2n }],
      });
    });

    it('returns a refusal of the content as rejected', async () => {
      call.rejects(new RpcError('invalid_params', 'Invalid params: items'));
      assert.deepEqual(await order(), { state: 'rejected' });
    });

    it('does not treat a refusal that may follow an order as final: the goods would return to the cart', async () => {
      for (const code of ['unauthenticated', 'invalid_request', 'method_not_found'] as const) {
        call.rejects(new RpcError(code, 'no'));
        assert.match(String(await failureOf(order())), /loms answered/);
      }
    });

    it('leaves the outcome unknown when the connection breaks', async () => {
      call.rejects(new RpcError('unavailable', 'The connection to loms broke'));
      assert.equal(((await failureOf(order())) as RpcError).code, 'unavailable');
    });

    it('does not treat a refused key as an answer: it says nothing about this order', async () => {
      call.rejects(new RpcError('failed_precondition', 'other body', { reason: 'idempotency_conflict' }));
      assert(!((await failureOf(order())) instanceof RpcError));
    });
  });
});
