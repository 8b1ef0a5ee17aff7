import assert from 'node:assert/strict';
import { eventually } from 'testing';
import { createEvent, createEvents } from '../order-events.ts';
import { type ConsumerGround, openConsumerGround } from './consumer-ground.ts';

/** `order/seq` of what is stored, by order and seq. */
async function storedIn({ sql }: ConsumerGround): Promise<string[]> {
  const rows = await sql('SELECT order_id, seq FROM notifications ORDER BY order_id, seq');
  return rows.map(({ order_id, seq }) => `${order_id}/${seq}`);
}

const keysOf = (events: readonly { orderID: bigint; seq: number }[]): string[] =>
  events
    .toSorted((a, b) => (a.orderID === b.orderID ? a.seq - b.seq : a.orderID < b.orderID ? -1 : 1))
    .map(({ orderID, seq }) => `${orderID}/${seq}`);

describe('The consumer of order events', () => {
  it('stores a notification of each event, in the order of its order, and moves the offsets', async () => {
    await using ground = await openConsumerGround();
    const events = Array.from({ length: 20 }, () => createEvents(3)).flat();
    await ground.publish(events);
    const consumer = ground.start();
    await ground.consumed();
    assert.deepEqual(await storedIn(ground), keysOf(events));
    for (const { orderID } of events) {
      const announced = consumer.announced.filter((notification) => notification.orderID === orderID);
      assert.deepEqual(
        announced.map(({ seq }) => seq),
        [1, 2, 3],
      );
    }
    assert.match(await consumer.registry.metrics(), /^events_consumed_total\{result="stored"\} 60$/m);
    assert.match(await consumer.registry.metrics(), /^events_consumer_lag\{partition="0"\} 0$/m);
  });

  it('stores a repeated event once', async () => {
    await using ground = await openConsumerGround();
    const events = createEvents(3);
    await ground.publish([...events, ...events, ...events.toReversed()]);
    const consumer = ground.start();
    await ground.consumed();
    assert.deepEqual(await storedIn(ground), keysOf(events));
    assert.equal(consumer.announced.length, 3);
    assert.deepEqual(await ground.sql('SELECT FROM dead_letters'), []);
  });

  it('stores nothing twice when its offsets are reset to the beginning while it runs', async () => {
    await using ground = await openConsumerGround();
    const events = Array.from({ length: 10 }, () => createEvents(2)).flat();
    await ground.publish(events);
    const consumer = ground.start();
    await ground.consumed();
    await ground.sql('UPDATE consumer_offsets SET next_offset = 0');
    const later = createEvents(2);
    await ground.publish(later);
    await ground.consumed();
    assert.deepEqual(await storedIn(ground), keysOf([...events, ...later]));
    assert.equal(consumer.announced.length, 22);
  });

  it('logs with the request id and the trace of the event', async () => {
    await using ground = await openConsumerGround(1);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await ground.publishRaw([{ key: '5', value: 'no JSON', headers: { 'x-request-id': 'request-7' } }]);
    await ground.publish([createEvent()], {
      'x-request-id': 'request-8',
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    });
    const consumer = ground.start();
    await ground.consumed();
    assert.deepEqual(consumer.scopes, [{ request_id: 'request-8', trace_id: traceId, span_id: 'b7ad6b7169203331' }]);
    await eventually('the dead letter is logged', () => consumer.lines.some(({ reason }) => reason === 'malformed'));
    assert.deepEqual(
      consumer.lines.filter(({ reason }) => reason === 'malformed').map(({ request_id }) => request_id),
      ['request-7'],
    );
  });

  it('stores the trace of the event with its deliveries, and no baggage', async () => {
    await using ground = await openConsumerGround(1);
    const trace = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: Array.from({ length: 8 }, (_, index) => `vendor${index}=${'x'.repeat(54)}`).join(','),
    };
    const events = createEvents(3);
    await ground.publish(events, { ...trace, baggage: 'user=alice' });
    await ground.publishRaw([{ key: '5', value: 'no JSON', headers: { ...trace, baggage: 'user=alice' } }]);
    ground.start({ targets: ['webhook'] });
    await ground.consumed();
    const rows = await ground.sql('SELECT traceparent, tracestate FROM deliveries');
    assert.deepEqual(rows, Array(3).fill(trace));
    assert.deepEqual(await ground.sql('SELECT headers FROM dead_letters'), [{ headers: trace }]);
  });

  it('continues from the oldest message, and logs an error, when its offset is behind the end', async () => {
    await using ground = await openConsumerGround(1);
    const events = createEvents(3);
    await ground.publish(events);
    const consumer = ground.start();
    await ground.consumed();
    await ground.sql('UPDATE consumer_offsets SET next_offset = 1000000');
    const said = () => consumer.lines.filter(({ level, from }) => level === 50 && from === '1000000').length;
    await eventually('the log begins anew', () => said() === 1);
    await ground.publish(createEvents(2));
    await ground.consumed();
    assert.equal((await storedIn(ground)).length, 5);
    assert.equal(consumer.announced.length, 5);
  });
});
