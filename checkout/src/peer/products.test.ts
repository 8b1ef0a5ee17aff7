import assert from 'node:assert/strict';
import { products } from 'products/contract.ts';
import { type Call, createClient, createTokenBucket, RpcError } from 'rpc-kit';
import sinon, { type SinonStub } from 'sinon';
import { failureOf, stubPorts } from '../../test/port-stubs.ts';
import { Refusal } from '../domain/refusal.ts';
import { createProductCatalogue } from './products.ts';

describe('the peer products', () => {
  const { context } = stubPorts();
  let clock: sinon.SinonFakeTimers;
  let call: SinonStub<[Call], Promise<unknown>>;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
    call = sinon.stub<[Call], Promise<unknown>>().resolves({ name: 'Чайник', price: 1990 });
  });
  afterEach(() => {
    clock.restore();
  });

  function open({ tokens = 1, waitersMax = 10 } = {}) {
    const limiter = createTokenBucket({ tokens, intervalMs: 1_000, waitersMax });
    const catalogue = createProductCatalogue({ client: createClient(products, { call }), token: 'secret', limiter });
    return (sku: number, signal = context.signal) => catalogue.product(sku, { ...context, signal, deadlineAt: 60_000 });
  }

  it('sends its token and passes the context on', async () => {
    assert.deepEqual(await open()(10), { name: 'Чайник', price: 1990 });
    const sent = call.firstCall.args[0];
    assert.deepEqual([sent.method, sent.params], ['get_product', { token: 'secret', sku: 10 }]);
    assert.deepEqual([sent.requestId, sent.traceparent], [context.requestId, context.traceparent]);
  });

  for (const [who, error] of [
    [
      'ours',
      new RpcError('not_found', 'There is no such product', { reason: 'product_not_found', details: { sku: 10 } }),
    ],
    ['the original one, which knows no reasons', new RpcError('not_found', 'The peer answered HTTP 404')],
  ] as const) {
    it(`recognizes an unknown product from ${who}`, async () => {
      call.rejects(error);
      const failure = await failureOf(open()(10));
      assert(failure instanceof Refusal);
      assert.deepEqual([failure.reason, failure.facts], ['product_not_found', { sku: 10 }]);
    });
  }

  it('fails as a failure of checkout itself otherwise', async () => {
    call.rejects(new RpcError('unauthenticated', 'wrong token'));
    const failure = await failureOf(open()(10));
    assert(!(failure instanceof RpcError));
    assert.match(String(failure), /products answered unauthenticated/);
  });

  it('calls only after it has a token', async () => {
    const product = open();
    await product(1);
    const second = product(2);
    await clock.tickAsync(999);
    sinon.assert.calledOnce(call);
    await clock.tickAsync(1);
    sinon.assert.calledTwice(call);
    await second;
  });

  it('gives the request its whole timeout, however long the wait for a token was', async () => {
    const product = open();
    await product(1);
    const second = product(2);
    await clock.tickAsync(1_000);
    await second;
    assert.equal(call.secondCall.args[0].deadlineAt, 2_000);
  });

  it('releases the token after a failure too', async () => {
    const product = open();
    call.onFirstCall().rejects(new RpcError('unavailable', 'no answer'));
    await failureOf(product(1));
    const second = product(2);
    await clock.tickAsync(1_000);
    assert.equal((await second).price, 1990);
  });

  it('makes no call for a caller that left while it waited', async () => {
    const product = open();
    await product(1);
    const caller = new AbortController();
    const failure = failureOf(product(2, caller.signal));
    const gone = new RpcError('cancelled', 'gone');
    caller.abort(gone);
    assert.equal(await failure, gone);
    await clock.tickAsync(1_000);
    sinon.assert.calledOnce(call);
  });

  it('refuses a caller behind too many waiters', async () => {
    const product = open({ waitersMax: 1 });
    await product(1);
    const second = product(2);
    const failure = (await failureOf(product(3))) as RpcError;
    assert.deepEqual([failure.code, failure.retryAfterMs], ['resource_exhausted', 1_000]);
    await clock.tickAsync(1_000);
    await second;
  });
});
