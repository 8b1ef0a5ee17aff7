import assert from 'node:assert/strict';
import { eventually } from 'testing';
import { readMessage } from '../../src/kafka/read-message.ts';
import { type Replayed, replayOrder } from '../../src/kafka/replay-order.ts';
import { createConsumerStore } from '../../src/kafka/store.ts';
import { createEvent, createEvents, newId } from '../order-events.ts';
import { type ConsumerGround, openConsumerGround, openTestPool, toRaw } from './consumer-ground.ts';

async function lettersIn({ sql }: ConsumerGround): Promise<string[]> {
  const rows = await sql('SELECT order_id, reason FROM dead_letters ORDER BY partition, position');
  return rows.map(({ order_id, reason }) => `${order_id} ${reason}`);
}

async function seqsOf({ sql }: ConsumerGround, orderID: bigint): Promise<number[]> {
  const rows = await sql(`SELECT seq FROM notifications WHERE order_id = ${orderID} ORDER BY seq`);
  return rows.map(({ seq }) => Number(seq));
}

/** As `make replay` does it. */
async function replay({ databaseUrl }: ConsumerGround, orderID: bigint): Promise<Replayed['outcome'][]> {
  await using database = openTestPool(databaseUrl);
  const store = createConsumerStore(database, []);
  const replayed = await replayOrder(
    {
      store,
      announce() {},
      read({ offset, key, value, headers }) {
        return readMessage({ offset, key: key && Buffer.from(key), value: value && Buffer.from(value), headers });
      },
    },
    orderID,
    { signal: AbortSignal.timeout(20_000) },
  );
  return replayed.map(({ outcome }) => outcome);
}

describe('An event that cannot be stored', () => {
  it('blocks its own order and no other of its partition, and is repaired by the missing event', async () => {
    await using ground = await openConsumerGround(1);
    const [first, second, third, fourth] = createEvents(4);
    const others = Array.from({ length: 5 }, () => createEvents(2)).flat();
    assert.ok(first && second && third && fourth);
    await ground.publish([first, third, ...others, fourth]);
    const consumer = ground.start();
    await ground.consumed();

    const { orderID } = first;
    assert.deepEqual(await seqsOf(ground, orderID), [1]);
    assert.deepEqual(await lettersIn(ground), [`${orderID} out_of_order`, `${orderID} parked`]);
    for (const { orderID: other } of others) assert.deepEqual(await seqsOf(ground, other), [1, 2]);
    const metrics = await consumer.registry.metrics();
    assert.match(metrics, /^dead_letters\{reason="out_of_order"\} 1$/m);
    assert.match(metrics, /^dead_letters_total\{reason="parked"\} 1$/m);
    assert.deepEqual(
      consumer.lines.filter(({ level }) => level === 50).map(({ reason }) => reason),
      ['out_of_order'],
    );

    assert.deepEqual(await replay(ground, orderID), ['stays dead', 'stays dead']);
    await ground.publish([second]);
    await ground.consumed();
    assert.deepEqual(await seqsOf(ground, orderID), [1]);
    assert.deepEqual(await replay(ground, orderID), ['taken', 'taken', 'taken']);
    assert.deepEqual(await seqsOf(ground, orderID), [1, 2, 3, 4]);
    assert.deepEqual(await lettersIn(ground), []);
    await ground.publish([{ ...fourth, eventID: createEvent().eventID, seq: 5 }]);
    await ground.consumed();
    assert.deepEqual(await seqsOf(ground, orderID), [1, 2, 3, 4, 5]);
  });

  it('is stored unchanged, with its reason, whatever it is', async () => {
    await using ground = await openConsumerGround(1);
    const event = createEvent();
    const key = String(event.orderID);
    const wire = JSON.parse(String(toRaw({ ...event, orderID: 7n, user: 8n }).value));
    const sent = [
      { key: '1', value: '{"version": 1' },
      { key: '2', value: '[]' },
      { key: '3', value: Buffer.from([0xff, 0x00, 0xfe]) },
      { key: '4' },
      { key: '5', value: JSON.stringify({ ...wire, version: 2 }) },
      { key: '6', value: JSON.stringify({ ...wire, seq: 0 }) },
      { key: '8', value: JSON.stringify(wire) },
      { value: JSON.stringify(wire) },
      { key: 'ten\0', value: JSON.stringify(wire), headers: { 'x-request-id': 'a\0b' } },
      { key: '99999999999999999999', value: 'x'.repeat(100_000) },
    ];
    await ground.publishRaw(sent);
    await ground.publish([event]);
    ground.start();
    await ground.consumed();
    assert.deepEqual(await lettersIn(ground), [
      '1 malformed',
      '2 malformed',
      '3 malformed',
      '4 malformed',
      '5 unknown_version',
      '6 malformed',
      '8 malformed',
      'null malformed',
      'null malformed',
      'null malformed',
    ]);
    assert.deepEqual(await seqsOf(ground, event.orderID), [1], key);
    const [bytes] = await ground.sql('SELECT value, key FROM dead_letters WHERE order_id = 3');
    assert.deepEqual(bytes, { value: Buffer.from([0xff, 0x00, 0xfe]), key: Buffer.from('3') });
    const [long] = await ground.sql('SELECT length(value), size FROM dead_letters WHERE size > 65536');
    assert.deepEqual(long, { length: 65_536, size: 100_000 });
  });

  it('is a dead letter with the reason conflict if it contradicts a stored event', async () => {
    await using ground = await openConsumerGround(1);
    const [first, second] = createEvents(2);
    assert.ok(first && second);
    await ground.publish([first, { ...first, user: newId() }, second]);
    ground.start();
    await ground.consumed();
    assert.deepEqual(await lettersIn(ground), [`${first.orderID} conflict`, `${first.orderID} parked`]);
  });

  it('is the only dead letter of its batch if the database refuses it', async () => {
    await using ground = await openConsumerGround(1);
    const before = createEvents(2);
    const poison = createEvent();
    const after = createEvents(2);
    await ground.sql(`ALTER TABLE notifications ADD CONSTRAINT not_this CHECK (order_id <> ${poison.orderID})`);
    await ground.publish([...before, poison, ...after]);
    ground.start();
    await ground.consumed();
    assert.deepEqual(await lettersIn(ground), [`${poison.orderID} failed`]);
    for (const { orderID } of [...before, ...after]) assert.deepEqual(await seqsOf(ground, orderID), [1, 2]);
  });

  it('does not block events that are stored and arrive again', async () => {
    await using ground = await openConsumerGround(1);
    const [first, second, , fourth] = createEvents(4);
    assert.ok(first && second && fourth);
    await ground.publish([first, second, fourth]);
    ground.start();
    await ground.consumed();
    await ground.sql('UPDATE consumer_offsets SET next_offset = 0');
    await ground.publish(createEvents(1));
    await ground.consumed();
    await eventually('the letter is there once', async () => (await lettersIn(ground)).length === 1);
    assert.deepEqual(await lettersIn(ground), [`${first.orderID} out_of_order`]);
  });
});
