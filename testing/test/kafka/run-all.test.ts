import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { findRunningMesh } from 'mesh';
import { isAlive } from 'mesh/mesh-folder';
import { notifications } from 'notifications/contract.ts';
import { readJournal } from 'notifications/testing';
import { differencesFromPage } from 'observability/testing';
import { createClient, createHttpTransport } from 'rpc-kit';
import { pickFreePorts, startMesh } from 'testing';
import { runTool } from 'tools/precommit';
import { eventually } from '../../src/patience.ts';
import { openSql } from '../../src/sql.ts';
import { type ReceivedSpan, startOtlpReceiver } from '../e2e/otlp-receiver.ts';

/** From the first span of its trace on. */
function pathTo(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  const parent = spans.find(({ traceId, spanId }) => traceId === span.traceId && spanId === span.parentSpanId);
  return [...(parent ? pathTo(parent, spans) : []), `${span.kind} ${span.name}`];
}

/** A SKU of the catalogue. */
const SKU = 1076963;

describe('make run-all EVENTS=kafka', () => {
  it('sends events through its own Kafka, lists and replays dead letters, and stops all of it', async () => {
    const [kafkaPort] = await pickFreePorts(2);
    await using receiver = await startOtlpReceiver();
    await using mesh = await startMesh({
      EVENTS: 'kafka',
      MESH_KAFKA_PORT: String(kafkaPort),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    await using transports = new AsyncDisposableStack();
    const wire = (name: 'checkout' | 'loms' | 'notifications') => {
      const authorization = mesh.caller.signerFor(name);
      return transports.use(createHttpTransport(mesh.urls[name], { userAgent: 'tests', authorization }));
    };
    const shop = createClient(checkout, wire('checkout'));
    const orders = createClient(loms, wire('loms'));
    const users = createClient(notifications, wire('notifications'));

    const user = BigInt(randomInt(2 ** 40));
    await shop.addToCart({ user, sku: SKU, count: 1 });
    const { orderID } = await shop.purchase({ user });
    await orders.orderPayed({ orderID });
    const statuses = async () => (await users.history({ user, limit: 10 })).notifications.map(({ status }) => status);
    await eventually('the user has all notifications', async () => (await statuses()).length === 3);
    assert.deepEqual(await statuses(), ['payed', 'awaiting payment', 'new']);
    // An event is counted right after it is visible in the database.
    await eventually('the events are counted', async () => {
      const metrics = await (await fetch(`${mesh.urls.notifications}/metrics`)).text();
      return /^events_consumed_total\{result="stored",service="notifications"\} 3$/m.test(metrics);
    });
    assert.deepEqual(await differencesFromPage(mesh.urls, 'kafka'), []);

    const throughKafka = [
      'producer send loms.order-events',
      'consumer process loms.order-events',
      'internal write to journal',
    ];
    const buying = ['server checkout/purchase', 'client loms/createOrder', 'server loms/createOrder'];
    const expected = [buying, buying, ['server loms/orderPayed']].map((calls) =>
      [...calls, ...throughKafka].join(' → '),
    );
    const pathsOf = (spans: readonly ReceivedSpan[]): string[] => {
      const lines = spans.filter(({ name }) => name === 'write to journal');
      return lines.map((line) => pathTo(line, spans).join(' → ')).sort();
    };
    // A call's span arrives after its children.
    const spans = await receiver.until((received) => pathsOf(received).join('\n') === expected.join('\n'));
    assert.deepEqual(pathsOf(spans), expected);

    const tool = (command: string, more: NodeJS.ProcessEnv = {}) =>
      runTool(['tools/src/dead-letters.ts', command], { ...mesh.variables, ...more });
    assert.match((await tool('list')).output, /There are no dead letters/);
    await using sql = openSql(findRunningMesh(mesh.variables).databaseUrls.notifications);
    await sql(`INSERT INTO dead_letters (topic, partition, position, order_id, size, headers, reason, message)
      VALUES ('loms.order-events', 0, 1000000, 7, 0, '{}', 'malformed', 'made by a test')`);
    assert.match((await tool('list')).output, /^0:1000000 of order 7: malformed, made by a test/m);
    assert.match((await tool('replay', { ORDER: '7' })).output, /^0 taken, 0 taken before, 1 still dead$/m);
    assert.match((await tool('replay', { DISCARD: '0:1000000' })).output, /^dropped for good$/m);
    assert.match((await tool('replay', { SERVICE: 'loms' })).output, /Only notifications has dead letters/);

    // Today's notifications can process it, and delivers it as usual.
    const mended = { version: 1, eventID: randomUUID(), orderID: 8, seq: 1, user: 9, status: 'new', at: new Date() };
    await sql(
      `INSERT INTO dead_letters (topic, partition, position, order_id, key, value, size, headers, reason, message)
      VALUES ('loms.order-events', 0, 1000001, 8, '8', $1, 0, '{}', 'unknown_version', 'made by a test')`,
      [Buffer.from(JSON.stringify(mended))],
    );
    assert.match((await tool('replay')).output, /^1 taken, 0 taken before, 0 still dead$/m);
    const journal = join(mesh.paths.journal, 'notifications.jsonl');
    await eventually('the replayed event is in the journal', async () =>
      (await readJournal(journal)).some(({ eventID }) => eventID === mended.eventID),
    );

    const processes = mesh.listProcesses();
    assert.ok(processes.some(({ name }) => name === 'kafka'));
    await mesh.stop();
    assert.deepEqual(processes.filter(isAlive), []);
  });
});
