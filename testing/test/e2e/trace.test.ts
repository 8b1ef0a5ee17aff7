import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';
import { startMesh, type TestMesh } from 'testing';
import { call } from './call.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts';

const USER = 4_242;
const DELIVERY = 'deliver event';
const ACCEPTANCE = 'accept event';
const JOURNAL_LINE = 'write to journal';
const REQUEST_ID = 'the-purchase-that-is-traced';

describe('the trace of a purchase', () => {
  let receiver: OtlpReceiver;
  let mesh: TestMesh;
  let trace: readonly ReceivedSpan[];

  before(async () => {
    receiver = await startOtlpReceiver();
    mesh = await startMesh({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      // This receiver reads JSON only; a collector reads the default, too.
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    await call(mesh, 'checkout', 'addToCart', { user: USER, sku: await skuOnSale(mesh), count: 1 });
    await purchase(mesh);
    const spans = await receiver.until((received) => {
      const traceId = received.find(isPurchase)?.traceId;
      // The order is new, then awaits payment: two events, whose spans end after the call.
      const isOf = (span: ReceivedSpan): boolean => span.traceId === traceId;
      const delivered = received.filter((span) => isOf(span) && [DELIVERY, ACCEPTANCE].includes(span.name));
      const written = received.filter((span) => isOf(span) && span.name === JOURNAL_LINE);
      return delivered.length >= 4 && written.length >= 2;
    });
    const traceId = spans.find(isPurchase)?.traceId;
    trace = spans.filter((span) => span.traceId === traceId);
  });

  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  const one = (service: string, kind: string, name: string): ReceivedSpan => {
    const found = trace.filter((span) => span.service === service && span.kind === kind && span.name === name);
    assert.equal(found.length, 1, `${found.length} spans ${service} ${kind} ${name} in\n${drawn(trace)}`);
    return found[0] as ReceivedSpan;
  };
  const below = (parent: ReceivedSpan): readonly ReceivedSpan[] =>
    trace.filter(({ parentSpanId }) => parentSpanId === parent.spanId);

  it('begins at the incoming call, with its request id', () => {
    const root = one('checkout', 'server', 'checkout/purchase');
    assert.equal(root.parentSpanId, '');
    assert.match(JSON.stringify(root.attributes['rpc.request.metadata.x-request-id']), new RegExp(REQUEST_ID));
  });

  it('continues from checkout to loms', () => {
    const asked = one('checkout', 'client', 'loms/createOrder');
    const answered = one('loms', 'server', 'loms/createOrder');
    assert.equal(asked.parentSpanId, one('checkout', 'server', 'checkout/purchase').spanId);
    assert.equal(answered.parentSpanId, asked.spanId);
  });

  it('contains the statements of both, by name, and a COMMIT where it does not travel with the last one', () => {
    const lastStatements = [
      [one('checkout', 'server', 'checkout/purchase'), 'COMMIT'],
      [one('loms', 'server', 'loms/createOrder'), 'create orders'],
    ] as const;
    for (const [service, last] of lastStatements) {
      const statements = below(service).filter(({ attributes }) => attributes['db.system.name'] === 'postgresql');
      assert.ok(statements.length >= 3, drawn(trace));
      assert.ok(
        statements.some(({ name }) => name === last),
        drawn(trace),
      );
    }
  });

  it('continues to the notification of each status, below the call that changed it', () => {
    const changed = one('loms', 'server', 'loms/createOrder');
    const delivered = trace.filter(({ service, name }) => service === 'loms' && name === DELIVERY);
    assert.deepEqual(
      delivered.map(({ parentSpanId }) => parentSpanId),
      [changed.spanId, changed.spanId],
    );
    const taken = trace.filter(({ service, name }) => service === 'notifications' && name === ACCEPTANCE);
    assert.deepEqual(
      taken.map(({ parentSpanId }) => parentSpanId).sort(),
      delivered.map(({ spanId }) => spanId).sort(),
    );
  });

  it('ends in the journal', () => {
    const taken = trace.filter(({ name }) => name === ACCEPTANCE);
    const written = trace.filter(({ name }) => name === JOURNAL_LINE);
    assert.deepEqual(written.map(({ parentSpanId }) => parentSpanId).sort(), taken.map(({ spanId }) => spanId).sort());
  });

  it('contains neither values nor texts of statements', () => {
    assert.doesNotMatch(JSON.stringify(trace), new RegExp(`${USER}|SELECT|INSERT|UPDATE`));
  });

  it('has only connected spans', () => {
    const ids = new Set(trace.map(({ spanId }) => spanId));
    const loose = trace.filter(({ parentSpanId }) => parentSpanId !== '' && !ids.has(parentSpanId));
    assert.deepEqual(loose, [], drawn(trace));
  });
});

function isPurchase({ service, kind, name }: ReceivedSpan): boolean {
  return service === 'checkout' && kind === 'server' && name === 'checkout/purchase';
}

async function purchase(mesh: TestMesh): Promise<void> {
  await call(mesh, 'checkout', 'purchase', { user: USER }, { 'x-request-id': REQUEST_ID });
}

async function skuOnSale(mesh: TestMesh): Promise<number> {
  const catalogue = JSON.parse(await readFile(join(PROJECT_DIRECTORY, 'catalogue/catalogue.json'), 'utf8'));
  for (const { sku } of catalogue) {
    const { stocks } = await call(mesh, 'loms', 'stocks', { sku });
    if ((stocks as unknown[]).length > 0) return sku;
  }
  return assert.fail('The catalogue has nothing on sale.');
}

function drawn(spans: readonly ReceivedSpan[]): string {
  return spans
    .map(
      ({ service, kind, name, spanId, parentSpanId }) =>
        `${parentSpanId || 'root'} → ${spanId} ${service} ${kind} ${name}`,
    )
    .join('\n');
}
