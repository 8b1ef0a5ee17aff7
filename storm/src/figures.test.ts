import assert from 'node:assert/strict';
import { createFigures } from './figures.ts';
import { describeProgress } from './progress.ts';
import type { Outcome, RecordedCall } from './recorder.ts';
import { describeFigures } from './report.ts';

const ok = (answer: unknown): Outcome<unknown> => ({ result: 'ok', answer });
const refused = (reason: string, details: unknown = {}): Outcome<unknown> => {
  return { result: 'fail', code: 'failed_precondition', reason, details };
};
const unknown = (code: 'unavailable' | 'internal'): Outcome<unknown> => {
  return { result: 'info', code, message: '', retryAfterMs: undefined };
};

function toCall(method: string, outcome: Outcome<unknown>, rest: Partial<RecordedCall> = {}): RecordedCall {
  const at = new Date();
  return { client: 'user-1a', method, params: {}, outcome, startedAt: at, endedAt: at, elapsedMs: 1, ...rest };
}

describe('the figures of a storm', () => {
  it('give the median and the 99th percentile of each method, with a precision of a thousandth', () => {
    const figures = createFigures();
    for (let ms = 1; ms <= 1_000; ms += 1) figures.add(toCall('stocks', ok({}), { elapsedMs: ms }));
    figures.add(toCall('listOrder', ok({}), { elapsedMs: 7 }));
    const [listOrder, stocks] = figures.byMethod();
    assert.deepEqual([listOrder?.method, stocks?.method], ['listOrder', 'stocks']);
    const isNear = (value: number | undefined, wanted: number) => Math.abs((value ?? 0) - wanted) <= wanted / 500;
    for (const [method, percent, ms] of [
      [stocks, 50, 500],
      [stocks, 99, 990],
      [listOrder, 99, 7],
    ] as const) {
      const found = method?.latencies.percentileMs(percent);
      assert.ok(isNear(found, ms), String(found));
    }
  });

  it('accept a call of 0 ms and one beyond the range of the histogram', () => {
    const figures = createFigures();
    for (const elapsedMs of [0, 1e9]) figures.add(toCall('stocks', ok({}), { elapsedMs }));
    const [stocks] = figures.byMethod();
    assert.equal(stocks?.calls, 2);
    assert.ok((stocks?.latencies.percentileMs(99) ?? 0) > 59_000);
  });

  it('count an order once, however often its id was returned', () => {
    const figures = createFigures();
    const order = ok({ orderID: 1n });
    for (const method of ['purchase', 'purchase', 'createOrder']) figures.add(toCall(method, order));
    figures.add(toCall('createOrder', ok({ orderID: 2n })));
    figures.add(toCall('createOrder', refused('out_of_stock', { orderID: 3n, shortages: [] })));
    for (const orderID of [1n, 1n]) figures.add(toCall('orderPayed', ok({}), { params: { orderID } }));
    figures.add(toCall('cancelOrder', ok({}), { params: { orderID: 2n } }));
    figures.add(toCall('cancelOrder', refused('order_not_cancellable'), { params: { orderID: 1n } }));
    assert.deepEqual(figures.orders, { created: 2, payed: 1, cancelled: 1, failed: 1 });
  });

  it('count errors by method and code, and mark the unexpected ones', () => {
    const figures = createFigures();
    figures.add(toCall('purchase', refused('cart_empty')));
    for (const _ of [1, 2]) figures.add(toCall('purchase', unknown('unavailable')));
    figures.add(toCall('stocks', unknown('internal')));
    assert.deepEqual(figures.errors(), [
      { method: 'purchase', code: 'unavailable', count: 2, expected: true },
      { method: 'purchase', code: 'cart_empty', count: 1, expected: true },
      { method: 'stocks', code: 'internal', count: 1, expected: false },
    ]);
  });

  it('are printed as text tables', () => {
    const figures = createFigures();
    figures.add(toCall('purchase', ok({ orderID: 1n }), { elapsedMs: 20 }));
    figures.add(toCall('stocks', unknown('internal')));
    const text = describeFigures(figures, 2_000);
    assert.match(text, /^0\.5 orders a second, 1\.0 calls a second, for 2\.0 s$/m);
    assert.match(text, /^ {2}purchase +1 +1 +0 +0 +20\.0 +20\.0$/m);
    assert.match(text, /^ {2}stocks +internal +1 +UNEXPECTED$/m);
    assert.equal(
      describeProgress(figures, 1_200, 41.6),
      '2 s left · 42 calls/s · 1 orders · 0 refused · 1 other errors',
    );
  });
});
