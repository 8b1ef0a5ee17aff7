import assert from 'node:assert/strict';
import { loms } from 'loms/contract.ts';
import { createClient, createHttpTransport } from 'rpc-kit';
import { startMortalKafka } from 'testing';
import { startOrderLoad } from '../../src/order-load.ts';
import { openWorld, type World } from '../nothing-lost/world.ts';

const OUTAGE_MS = 60_000;
const SKU = 1;
/** At most 20 orders a second, which a busy machine can serve, too. */
const LOAD = { buyers: 4, pauseMs: 200 };
/** A limit against hanging: a minute without Kafka, and the time that a slow machine needs. */
const TEST_TIMEOUT_MS = 600_000;

async function countEvents({ outbox }: World, which = 'true'): Promise<number> {
  const [row] = await outbox(`SELECT count(*)::integer AS count FROM outbox WHERE ${which}`);
  return Number(row?.count);
}

describe('Kafka, down for 60 seconds under load,', function () {
  this.timeout(TEST_TIMEOUT_MS);

  it('fails no order, and all events arrive after', async () => {
    await using kafka = await startMortalKafka();
    const brokers = { KAFKA_BROKERS: kafka.addresses };
    await using world = await openWorld({ loms: brokers, notifications: () => brokers });
    await world.outbox(
      `INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (${SKU}, 1, 1000000, 1000000, 1000000)`,
    );
    const [url] = await Promise.all([world.relays.add(), world.addReceiver(0)]);
    await using transport = createHttpTransport(url, { userAgent: 'tests' });
    const load = startOrderLoad([createClient(loms, transport)], SKU, LOAD);
    await load.untilAllSucceed();
    await world.stored(1);

    await kafka.kill();
    const sentBefore = await countEvents(world);
    const until = performance.now() + OUTAGE_MS;
    while (performance.now() < until) await load.untilAllSucceed();
    const madeMeanwhile = (await countEvents(world)) - sentBefore;
    assert.ok(madeMeanwhile > 0);
    assert.ok((await countEvents(world, 'delivered_at IS NULL')) >= madeMeanwhile, 'what was made meanwhile waits');
    await kafka.startAgain();
    await load.untilAllSucceed();

    const orders = await load.stop();
    // Each order was answered; on a busy machine a few needed a retry.
    const repeated = [...load.failures.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(repeated <= orders.length / 10, `${repeated} calls were repeated for ${orders.length} orders`);
    await world.stored(await countEvents(world));
    await world.journaled();
    await world.assertEachOnceAndInOrder();
  });
});
