import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'mocha';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../e2e/otlp-receiver.ts';
import { PASSWORD } from './people.ts';
import { openShop, type Shop, type Shopper } from './shop.ts';

const REQUEST_ID = 'the-purchase-over-rest';
const STRANGER = '0af7651916cd43dd8448eb211c80319c';
const CALLED = ['gateway', 'checkout', 'loms', 'products', 'notifications'] as const;

describe('A purchase by REST', () => {
  let receiver: OtlpReceiver;
  let shop: Shop;
  let buyer: Shopper;
  let trace: readonly ReceivedSpan[];

  before(async () => {
    receiver = await startOtlpReceiver();
    shop = await openShop({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      LOG_LEVEL: 'debug',
    });
    const admin = await shop.admin();
    buyer = await shop.login((await shop.register()).email);
    await shop.ask('/v1/auth/refresh', { method: 'POST', body: { refreshToken: buyer.refreshToken } });
    const sku = await shop.addProduct(admin, 5);
    await buyer.ask('/v1/cart/items', { method: 'POST', body: { sku, count: 1 } });
    const headers = {
      'idempotency-key': 'traced',
      'x-request-id': REQUEST_ID,
      traceparent: `00-${STRANGER}-b7ad6b7169203331-01`,
    };
    const { status, text } = await buyer.ask('/v1/cart/purchase', { method: 'POST', headers });
    assert.equal(status, 201, text);
    // The order is new, then awaits payment: two events, whose spans end after the call.
    const spans = await receiver.until((received) => {
      const found = ofRequest(received);
      return found.filter(({ name }) => name === 'accept event').length >= 2 && looseIn(found).length === 0;
    });
    trace = ofRequest(spans);
  });
  after(async () => {
    await shop?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
  });

  const one = (service: string, kind: string, name: string): ReceivedSpan => {
    const found = trace.filter((span) => span.service === service && span.kind === kind && span.name === name);
    assert.equal(found.length, 1, `${found.length} spans ${service} ${kind} ${name}`);
    return found[0] as ReceivedSpan;
  };

  it('begins its trace at the gateway, and not at the span of a stranger', () => {
    const root = one('gateway', 'server', 'POST /v1/cart/purchase');
    assert.equal(root.parentSpanId, '');
    assert.notEqual(root.traceId, STRANGER);
    assert.match(JSON.stringify(root.attributes['http.request.header.x-request-id']), new RegExp(REQUEST_ID));
  });

  it('has one trace through checkout and loms down to their statements', () => {
    const path = [
      one('gateway', 'server', 'POST /v1/cart/purchase'),
      one('gateway', 'client', 'checkout/purchase'),
      one('checkout', 'server', 'checkout/purchase'),
      one('checkout', 'client', 'loms/createOrder'),
      one('loms', 'server', 'loms/createOrder'),
    ];
    for (const [index, span] of path.slice(1).entries())
      assert.equal(span.parentSpanId, path[index]?.spanId, span.name);
    // The COMMIT of an order travels with its last statement.
    for (const [called, last] of [
      [path[2], 'COMMIT'],
      [path[4], 'create orders'],
    ] as [ReceivedSpan, string][]) {
      const statements = trace.filter(
        ({ parentSpanId, attributes }) =>
          parentSpanId === called.spanId && attributes['db.system.name'] === 'postgresql',
      );
      assert.ok(
        statements.some(({ name }) => name === last),
        `${called.name} has ${statements.map(({ name }) => name)}`,
      );
    }
    assert.deepEqual(looseIn(trace), []);
  });

  it('leaves no password, token or e-mail address in any span, from the registration on (36)', () => {
    const names = receiver.spans.map(({ name }) => name);
    for (const name of ['accounts/register', 'accounts/login', 'accounts/refresh'])
      assert.ok(names.includes(name), name);
    const text = JSON.stringify(receiver.spans);
    for (const secret of [PASSWORD, buyer.accessToken, buyer.refreshToken, buyer.email]) {
      assert.ok(!text.includes(secret), secret);
    }
  });

  it('has its request id on every line that any service logs for it', async () => {
    const traceId = trace[0]?.traceId;
    for (const service of CALLED) {
      const text = await readFile(join(shop.mesh.paths.logs, `${service}.log`), 'utf8');
      const lines = text
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ trace_id, request_id }) => trace_id === traceId || request_id === REQUEST_ID);
      assert.ok(lines.length > 0, `${service} logs nothing of the request`);
      for (const line of lines) {
        assert.deepEqual([line.request_id, line.trace_id], [REQUEST_ID, traceId], JSON.stringify(line));
      }
    }
  });
});

function isRoot({ service, kind, name }: ReceivedSpan): boolean {
  return service === 'gateway' && kind === 'server' && name === 'POST /v1/cart/purchase';
}

function ofRequest(spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  const traceId = spans.find(isRoot)?.traceId;
  return spans.filter((span) => span.traceId === traceId);
}

/** Spans whose parent is missing. */
function looseIn(spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(({ parentSpanId }) => parentSpanId !== '' && !ids.has(parentSpanId));
}
