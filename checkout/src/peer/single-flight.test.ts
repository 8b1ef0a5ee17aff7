import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Context, Product, ProductCatalogue } from '../domain/ports.ts';
import { singleFlight } from './single-flight.ts';

const KETTLE: Product = { name: 'Чайник', price: 1990 };

describe('singleFlight', () => {
  let answers: PromiseWithResolvers<Product>[];
  let asked: sinon.SinonSpy<[number, Context], Promise<Product>>;
  let catalogue: ProductCatalogue;

  beforeEach(() => {
    answers = [];
    asked = sinon.spy((_sku: number, _context: Context) => {
      const answer = Promise.withResolvers<Product>();
      answers.push(answer);
      return answer.promise;
    });
    catalogue = singleFlight({ product: asked });
  });

  const caller = (): AbortController => new AbortController();
  const contextOf = ({ signal }: AbortController): Context => ({ signal });

  it('sends one request for concurrent callers of a sku, and gives all of them the answer', async () => {
    const all = Promise.all([1, 2, 3].map(() => catalogue.product(7, contextOf(caller()))));
    answers[0]?.resolve(KETTLE);
    assert.deepEqual(await all, [KETTLE, KETTLE, KETTLE]);
    assert.equal(asked.callCount, 1);
  });

  it('sends separate requests for different skus, and a new one after an answer', async () => {
    const both = Promise.all([catalogue.product(7, contextOf(caller())), catalogue.product(8, contextOf(caller()))]);
    for (const answer of answers) answer.resolve(KETTLE);
    await both;
    const again = catalogue.product(7, contextOf(caller()));
    answers[2]?.resolve(KETTLE);
    await again;
    assert.deepEqual(
      asked.args.map(([sku]) => sku),
      [7, 8, 7],
    );
  });

  it('gives all of them the failure, and sends a new request after it', async () => {
    const failure = new Error('gone');
    const all = Promise.allSettled([
      catalogue.product(7, contextOf(caller())),
      catalogue.product(7, contextOf(caller())),
    ]);
    answers[0]?.reject(failure);
    for (const outcome of await all) assert.equal((outcome as PromiseRejectedResult).reason, failure);
    const again = catalogue.product(7, contextOf(caller()));
    answers[1]?.resolve(KETTLE);
    assert.deepEqual(await again, KETTLE);
  });

  it('lets one caller leave at once, without affecting the others', async () => {
    const [leaver, stayer] = [caller(), caller()];
    const reason = new Error('left');
    const left = assert.rejects(catalogue.product(7, contextOf(leaver)), reason);
    const stays = catalogue.product(7, contextOf(stayer));
    leaver.abort(reason);
    await left;
    assert.equal(asked.firstCall.args[1].signal.aborted, false);
    answers[0]?.resolve(KETTLE);
    assert.deepEqual(await stays, KETTLE);
  });

  it('cancels the request when the last caller leaves; a later caller sends a new one', async () => {
    const [one, other] = [caller(), caller()];
    const both = Promise.allSettled([catalogue.product(7, contextOf(one)), catalogue.product(7, contextOf(other))]);
    one.abort();
    other.abort();
    await both;
    assert.equal(asked.firstCall.args[1].signal.aborted, true);
    const late = catalogue.product(7, contextOf(caller()));
    assert.equal(asked.callCount, 2);
    answers[0]?.reject(new Error('cut off'));
    answers[1]?.resolve(KETTLE);
    assert.deepEqual(await late, KETTLE);
  });

  it('sends no request for a caller that has left before', async () => {
    const gone = caller();
    gone.abort();
    await assert.rejects(catalogue.product(7, contextOf(gone)));
    assert.equal(asked.callCount, 0);
  });

  it('passes the request id and the trace of the first caller on, but not its deadline', async () => {
    const origin = { requestId: 'r-1', traceparent: '00-1-2-01', tracestate: 'vendor=1', baggage: 'shop=7' };
    const context = { signal: caller().signal, ...origin, deadlineAt: 5 };
    const product = catalogue.product(7, context);
    answers[0]?.resolve(KETTLE);
    await product;
    const { signal, ...rest } = asked.firstCall.args[1];
    assert.ok(signal instanceof AbortSignal);
    assert.deepEqual(rest, origin);
  });
});
