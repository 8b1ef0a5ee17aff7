import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { parseJson } from 'rpc-kit';
import { type MortalKafka, readTestBrokers, startMortalKafka } from 'testing';
import { z } from 'zod';
import { orderEvents } from '../../contract.ts';
import { type EventPublisher, type OrderEvent, PublisherUnavailable } from '../../src/outbox/event.ts';
import { openKafkaPublisher } from '../../src/outbox/kafka-publisher.ts';
import { createOrders, eventually, outboxToDrain, withLoms } from '../loms-fixture.ts';
import { readTopic } from './topic-reader.ts';

const never = new AbortController().signal;

function eventOf(orderID: bigint, seq = 1, more: Partial<OrderEvent> = {}): OrderEvent {
  const at = new Date('2026-11-20T09:00:00.250Z');
  return { eventID: randomUUID(), orderID, seq, user: -(2n ** 63n), status: 'new', at, ...more };
}

function open(
  brokers: readonly string[],
  { replication = 1, partitions = 6, topic = `test-${randomBytes(6).toString('hex')}` } = {},
) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const registry = new Registry();
  const options = { brokers, topic, partitions, replication, logger, registry };
  return { topic, lines, registry, publisher: openKafkaPublisher(options) };
}

const TRIES_MAX = 20;

/** As the relay does it: again while Kafka is said to be away, as it may be to a busy broker's new topic. */
async function deliver(publisher: EventPublisher, event: OrderEvent): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const [failed] = await publisher.publish([event], { signal: never });
      if (failed) throw failed.error;
      return;
    } catch (error) {
      if (!(error instanceof PublisherUnavailable) || tries === TRIES_MAX) throw error;
    }
  }
}

describe('The way of events through Kafka', () => {
  it('makes the topic, and has the event there when it is delivered', async () => {
    const brokers = readTestBrokers();
    const { publisher, topic } = open(brokers);
    await using _publisher = publisher;
    const event = eventOf(2n ** 63n - 1n, 3, {
      requestId: 'request-7',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=1',
      baggage: 'shop=7',
    });
    await deliver(publisher, event);
    const [message, ...others] = await readTopic(brokers, topic, 1);
    assert.deepEqual(others, []);
    assert.equal(message?.key, '9223372036854775807');
    assert.deepEqual(message?.headers, {
      'content-type': 'application/json',
      'event-version': '1',
      'event-id': event.eventID,
      'x-request-id': 'request-7',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=1',
      baggage: 'shop=7',
    });
    const { version, ...read } = z.decode(orderEvents.schema, parseJson(message?.value ?? '') as never);
    const { requestId: _r, traceparent: _t, tracestate: _s, baggage: _b, ...sent } = event;
    assert.deepEqual(read, sent);
    assert.equal(version, 1);

    const admin = new Admin({ clientId: 'tests', bootstrapBrokers: [...brokers] });
    const metadata = await admin.metadata({ topics: [topic] }).finally(() => admin.close());
    assert.equal(metadata.topics.get(topic)?.partitionsCount, 6);
  });

  it('makes a topic that refuses what is small only while it is compressed', async () => {
    const brokers = readTestBrokers();
    const { publisher, topic } = open(brokers);
    await using _publisher = publisher;
    await deliver(publisher, eventOf(1n));
    const foreign = new Producer({
      clientId: 'foreign',
      bootstrapBrokers: [...brokers],
      compression: 'gzip',
    });
    await using _foreign = { [Symbol.asyncDispose]: () => foreign.close() };
    const send = (bytes: number) =>
      foreign.send({ messages: [{ topic, partition: 0, key: Buffer.from('1'), value: Buffer.alloc(bytes) }] as never });
    await send(1_000);
    await assert.rejects(send(5_000_000));
  });

  it('keeps an order to one partition, in its order, however many are delivered side by side', async () => {
    const brokers = readTestBrokers();
    const { publisher, topic } = open(brokers);
    await using _publisher = publisher;
    const orderIDs = Array.from({ length: 40 }, (_, index) => BigInt(index));
    const publishAll = async (orderID: bigint): Promise<void> => {
      for (const seq of [1, 2, 3, 4, 5]) await deliver(publisher, eventOf(orderID, seq));
    };
    await Promise.all(orderIDs.map(publishAll));
    const messages = await readTopic(brokers, topic, 200);
    for (const orderID of orderIDs) {
      const own = messages.filter(({ key }) => key === String(orderID));
      assert.equal(new Set(own.map(({ partition }) => partition)).size, 1);
      assert.deepEqual(
        own.map(({ value }) => (parseJson(value) as { seq: number }).seq),
        [1, 2, 3, 4, 5],
      );
    }
    assert.ok(new Set(messages.map(({ partition }) => partition)).size > 1);
  });

  it('says what to do where the topic cannot be made as it should be', async () => {
    const { publisher, lines } = open(readTestBrokers(), { replication: 3 });
    await using _publisher = publisher;
    await assert.rejects(publisher.publish([eventOf(1n)], { signal: never }), { name: 'PublisherUnavailable' });
    const said = lines.map(({ err }) => String((err as Error | undefined)?.message));
    assert.ok(
      said.some((message) => message.includes('set KAFKA_REPLICATION to the number of brokers or less')),
      String(said),
    );
  });

  /** A topic that the publisher finds as it is. */
  async function createTopic(brokers: readonly string[], setting: string, value: string): Promise<string> {
    const topic = `test-${randomBytes(6).toString('hex')}`;
    const admin = new Admin({ clientId: 'tests', bootstrapBrokers: [...brokers], retries: 10 });
    const configs = [{ name: setting, value }];
    await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1, configs }).finally(() => admin.close());
    return topic;
  }

  it('fails for one event that Kafka refuses, and sends those beside it', async () => {
    const brokers = readTestBrokers();
    const { publisher, topic } = open(brokers, { topic: await createTopic(brokers, 'max.message.bytes', '2000') });
    await using _publisher = publisher;
    const tooLong = eventOf(2n, 1, { requestId: 'x'.repeat(3_000) });
    await deliver(publisher, eventOf(4n));
    const failed = await publisher.publish([eventOf(1n), tooLong, eventOf(2n, 2), eventOf(3n)], { signal: never });
    assert.deepEqual(
      failed.map(({ event }) => [event.orderID, event.seq]),
      [[2n, 1]],
    );
    const messages = await readTopic(brokers, topic, 3);
    assert.deepEqual(new Set(messages.map(({ key }) => key)), new Set(['1', '3', '4']));
  });

  it('sends a batch with the longest headers in requests that a broker accepts, each event once and in order', async () => {
    const brokers = readTestBrokers();
    const { publisher, topic, registry } = open(brokers, { partitions: 1 });
    await using _publisher = publisher;
    await deliver(publisher, eventOf(0n));
    const origin = {
      requestId: 'r'.repeat(128),
      tracestate: `t=${'s'.repeat(510)}`,
      baggage: `b=${'a'.repeat(8_190)}`,
    };
    const events = Array.from({ length: 500 }, (_, index) =>
      eventOf(BigInt(1 + Math.floor(index / 4)), 1 + (index % 4), origin),
    );
    assert.deepEqual(await publisher.publish(events, { signal: never }), []);
    const messages = await readTopic(brokers, topic, 1 + events.length);
    assert.deepEqual(
      messages.slice(1).map(({ value }) => (parseJson(value) as { eventID: string }).eventID),
      events.map(({ eventID }) => eventID),
    );
    const counted = await registry.getSingleMetric('events_published_total')?.get();
    assert.deepEqual(
      counted?.values.map(({ labels, value }) => [labels.result, value]),
      [['sent', 1 + events.length]],
    );
  });

  it('creates a deleted topic again, and blames no event for it', async () => {
    const brokers = readTestBrokers();
    const { publisher, topic } = open(brokers);
    await using _publisher = publisher;
    await deliver(publisher, eventOf(1n));
    const admin = new Admin({ clientId: 'tests', bootstrapBrokers: [...brokers], retries: 10 });
    await admin.deleteTopics({ topics: [topic] }).finally(() => admin.close());
    const outcomes: string[] = [];
    // The brokers may take one more while they are deleting it.
    while (!(outcomes.includes('PublisherUnavailable') && outcomes.at(-1) === 'sent') && outcomes.length < TRIES_MAX) {
      const delivered = publisher.publish([eventOf(1n, 2)], { signal: never });
      outcomes.push(
        await delivered.then(
          () => 'sent',
          ({ name }: Error) => name,
        ),
      );
    }
    assert.deepEqual(new Set(outcomes), new Set(['PublisherUnavailable', 'sent']));
  });

  it('stops waiting when its caller has left', async () => {
    const { publisher } = open(['127.0.0.1:1']);
    await using _publisher = publisher;
    const reason = new Error('shutting down');
    const leaving = new AbortController();
    const delivered = publisher.publish([eventOf(1n)], { signal: leaving.signal });
    leaving.abort(reason);
    await assert.rejects(delivered, { code: 'cancelled', cause: reason });
    await assert.rejects(publisher.publish([eventOf(1n)], { signal: leaving.signal }), reason);
  });
});

describe('When Kafka is unavailable', () => {
  /** A limit against hanging: a broker that is starting may keep a request for the whole time of a batch, several times. */
  const WAIT_MAX_MS = 120_000;
  let broker: MortalKafka;
  before(async () => {
    broker = await startMortalKafka();
  });
  after(() => broker[Symbol.asyncDispose]());

  it('orders go on, and their events go out when it is back, in the order of each order', async () => {
    const { publisher, topic, lines } = open([broker.addresses]);
    await using _publisher = publisher;
    const test = withLoms(
      async (loms) => {
        await loms.supply(1, { 1: 1_000 });
        const before = await createOrders(loms.client, 1, 5);
        await outboxToDrain(loms, WAIT_MAX_MS);

        const warnings = () => lines.filter(({ level }) => level === 40).length;
        const warnedBefore = warnings();
        await broker.kill();
        const during = await createOrders(loms.client, 1, 50);
        const paid = during.slice(0, 20);
        for (const orderID of paid) await loms.client.orderPayed({ orderID });
        await eventually('it is said', warnings, (count) => count > warnedBefore, WAIT_MAX_MS);
        const [{ waiting } = {}] = await loms.query(
          'SELECT count(*)::integer AS waiting FROM outbox WHERE delivered_at IS NULL',
        );
        assert.equal(waiting, 120);
        assert.equal(warnings(), warnedBefore + 1, 'it is said once');

        await broker.startAgain();
        await outboxToDrain(loms, WAIT_MAX_MS);
        const [{ attempts } = {}] = await loms.query(
          `SELECT max(attempts) AS attempts FROM outbox WHERE order_id IN (${during})`,
        );
        // One, unless a slow machine could not release an event in time. A blamed event would be tried many times meanwhile.
        assert.ok(Number(attempts) <= 2, `no event is blamed for an absent Kafka, but there were ${attempts} attempts`);
        const messages = await readTopic([broker.addresses], topic, 130);
        for (const orderID of [...before, ...during]) {
          const own = messages.filter(({ key }) => key === String(orderID)).map(({ value }) => parseJson(value));
          const seqs = (own as { seq: number }[]).map(({ seq }) => seq);
          // At least once: what comes again is a repetition, and never overtakes.
          assert.deepEqual([...new Set(seqs)], paid.includes(orderID) ? [1, 2, 3] : [1, 2]);
        }
      },
      { publisher },
    );
    await test();
  });
});
