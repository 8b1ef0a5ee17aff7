import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Producer, type ProducerOptions } from '@platformatic/kafka';
import type { OrderEvent } from 'loms/contract.ts';
import { eventually } from 'testing';
import { createEvent } from '../order-events.ts';
import { type ConsumerGround, openConsumerGround, toRaw } from './consumer-ground.ts';

interface ForeignMessage {
  readonly key?: Buffer | string | undefined;
  readonly value?: Buffer | string | undefined;
  /** In pairs, since a producer may repeat a header. */
  readonly headers?: readonly (readonly [Buffer | string | null, Buffer | string | null])[];
}

const bytes = (part: Buffer | string | null | undefined) => (typeof part === 'string' ? Buffer.from(part) : part);

function openProducer(
  { brokers }: ConsumerGround,
  options: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> = {},
) {
  return new Producer<Buffer, Buffer, Buffer, Buffer>({
    clientId: 'foreign',
    bootstrapBrokers: [...brokers],
    ...options,
  });
}

function toWire(topic: string, { key, value, headers = [] }: ForeignMessage) {
  const pairs = headers.map(([name, text]) => [bytes(name), bytes(text)] as const);
  return { topic, partition: 0, key: bytes(key), value: bytes(value), headers: new Map(pairs) } as never;
}

/** Sends the messages and an event behind them, and waits until the event is stored. */
async function consumeAll(ground: ConsumerGround, messages: readonly ForeignMessage[]): Promise<void> {
  await using producers = new AsyncDisposableStack();
  const producer = openProducer(ground);
  producers.defer(() => producer.close());
  for (const message of messages) await producer.send({ messages: [toWire(ground.topic, message)] });
  await continues(ground);
}

async function continues(ground: ConsumerGround): Promise<void> {
  const event = createEvent();
  await ground.publish([event]);
  await eventually('the partition continues', async () => {
    return (await ground.sql(`SELECT FROM notifications WHERE order_id = ${event.orderID}`)).length === 1;
  });
}

interface Letter {
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: string;
}

async function lettersIn({ sql }: ConsumerGround): Promise<Letter[]> {
  const rows = await sql('SELECT reason, headers, message FROM dead_letters ORDER BY partition, position');
  return rows as unknown as Letter[];
}

function wellFormed(event: OrderEvent): ForeignMessage {
  const { key, value } = toRaw(event);
  return { key, value };
}

const malformed = { key: '1', value: 'not json' };
const event = () => JSON.parse(String(toRaw(createEvent()).value)) as Record<string, unknown>;

const HOSTILE: Readonly<Record<string, ForeignMessage>> = {
  'a header that is cut inside a surrogate pair': { ...malformed, headers: [['h', `${'a'.repeat(511)}😀`]] },
  'a name of a header that is cut inside a surrogate pair': { ...malformed, headers: [[`${'a'.repeat(511)}😀`, 'v']] },
  'headers with NUL': { ...malformed, headers: [['a\0b', 'c\0d']] },
  'headers that are no UTF-8': { ...malformed, headers: [[Buffer.from([0xff, 0xed, 0xa0, 0x80]), randomBytes(600)]] },
  'a header of half a character': { ...malformed, headers: [['h', Buffer.from('😀').subarray(0, 3)]] },
  'a header of a million bytes': { ...malformed, headers: [['h', 'я'.repeat(500_000)]] },
  'a name of a header of a million bytes': { ...malformed, headers: [['я'.repeat(500_000), 'v']] },
  '10,000 headers': {
    ...malformed,
    headers: Array.from({ length: 10_000 }, (_, index) => [`h${index}`, 'v'] as const),
  },
  'names of headers that objects have': {
    ...malformed,
    headers: ['__proto__', 'constructor', 'toString', ''].map((name) => [name, 'v'] as const),
  },
  'a header twice': {
    ...malformed,
    headers: [
      ['x-request-id', 'a'],
      ['x-request-id', 'b'],
    ],
  },
  'a header without a value': { ...malformed, headers: [['h', null]] },
  'hostile metadata in headers': {
    ...malformed,
    headers: [
      ['x-request-id', '\u001b[2J\nfake'],
      ['traceparent', 'x'.repeat(9_000)],
    ],
  },
  'no key and no value': {},
  'a null value': { key: '2' },
  'an empty key and an empty value': { key: '', value: '' },
  'a key of many bytes': { key: Buffer.alloc(200_000, 0xff), value: 'x' },
  'a value that is no UTF-8': { key: '3', value: Buffer.from([0x22, 0xff, 0x22]) },
  'a value of NUL': { key: '4', value: '\0' },
  'a value nested 10,000 deep': { key: '5', value: `${'['.repeat(10_000)}${']'.repeat(10_000)}` },
  'an event with a member nested 100,000 deep': {
    key: '6',
    value: `{"version":1,"user":${'['.repeat(100_000)}1.0${']'.repeat(100_000)}}`,
  },
  'an event of huge numbers': { key: '7', value: '{"version":1e400,"orderID":1e999999999,"seq":-1e400}' },
  'an event of long numbers': {
    key: '8',
    value: `{"version":1,"orderID":${'9'.repeat(9_000)},"seq":0.${'1'.repeat(9_000)}}`,
  },
  'an event of long texts': {
    key: '9',
    value: JSON.stringify({
      ...event(),
      eventID: 'e'.repeat(200_000),
      status: 's'.repeat(200_000),
      at: '9'.repeat(200_000),
    }),
  },
  'an event of NUL and halves of surrogate pairs': {
    key: '10',
    value: JSON.stringify({ ...event(), eventID: '\0', status: '\ud800', at: '\udc00\0' }),
  },
  'an event with an unknown status that quotes it': {
    key: '11',
    value: JSON.stringify({ ...event(), status: '\u001b[31m\0\ud83d' }),
  },
  'an event of more than 8,192 bytes': {
    key: '16',
    value: JSON.stringify({ ...event(), padding: 'x'.repeat(8_192) }),
  },
  'an event with names of objects': {
    key: '12',
    value: '{"version":1,"__proto__":{"a":1},"constructor":null,"toString":"\\u0000"}',
  },
  'an event of a version of NUL': { key: '13', value: '{"version":"\\u0000\\ud800"}' },
  'an event at a time finer than a millisecond': {
    key: '14',
    value: JSON.stringify({ ...event(), at: '2026-01-01T00:00:00.0001Z' }),
  },
  'an event at a time beyond all years': {
    key: '15',
    value: JSON.stringify({ ...event(), at: '+275760-09-13T00:00:00Z' }),
  },
  ...Object.fromEntries(
    [0, -1, 4_294_967_296, 1.5, '1'].map((seq, index) => [
      `an event of the seq ${JSON.stringify(seq)}`,
      { key: String(20 + index), value: JSON.stringify({ ...event(), orderID: 20 + index, seq }) },
    ]),
  ),
  'an event of a user beyond int64': {
    key: '25',
    value: JSON.stringify({ ...event(), orderID: 25 }).replace(/"user":-?\d+/, '"user":9223372036854775808'),
  },
  'an event of a status in capital letters': {
    key: '26',
    value: JSON.stringify({ ...event(), orderID: 26, status: 'NEW' }),
  },
  'an event whose id is no UUID': { key: '27', value: JSON.stringify({ ...event(), orderID: 27, eventID: 'x' }) },
  'an event in UTF-16': { key: '28', value: Buffer.from(JSON.stringify({ ...event(), orderID: 28 }), 'utf16le') },
  'an event of the next version': { key: '29', value: JSON.stringify({ ...event(), orderID: 29, version: 2 }) },
  'an event of another order than its key': { key: '30', value: JSON.stringify({ ...event(), orderID: 31 }) },
  'an event of 8,193 bytes': { key: '32', value: JSON.stringify({ ...event(), orderID: 32 }).padEnd(8_193) },
  'a key that is a number of another alphabet': { key: '١', value: JSON.stringify(event()) },
  'an event that comes before all others of its order': wellFormed({ ...createEvent(), seq: 4_294_967_295 }),
  'an event of the lowest order far from its first seq': wellFormed({
    ...createEvent(),
    orderID: -(2n ** 63n),
    seq: 2,
  }),
};

describe('What a foreign producer writes to the topic', () => {
  it('becomes one dead letter each, and the partition continues', async () => {
    await using ground = await openConsumerGround(1);
    ground.start();
    await consumeAll(ground, Object.values(HOSTILE));
    const letters = await lettersIn(ground);
    const lettersOf = Object.keys(HOSTILE).map((what, index) => `${what}: ${letters[index]?.reason}`);
    const reasonOf = (what: string): string => {
      if (what.includes('version') || what.includes('huge')) return 'unknown_version';
      return what.includes('first seq') || what.includes('before all') ? 'out_of_order' : 'malformed';
    };
    assert.deepEqual(
      lettersOf,
      Object.keys(HOSTILE).map((what) => `${what}: ${reasonOf(what)}`),
    );
    assert.equal(letters.length, Object.keys(HOSTILE).length);
    for (const { headers, message } of letters) {
      assert.ok(Object.keys(headers).length <= 32);
      for (const text of [message, ...Object.entries(headers).flat()]) {
        assert.ok(text.isWellFormed() && !text.includes('\0') && text.length <= 1_000, text.slice(0, 100));
      }
    }
  });

  it('is a repeated event if it is the same in another form, and a dead letter if it differs', async () => {
    await using ground = await openConsumerGround(1);
    ground.start();
    const [stored, other] = [createEvent(), createEvent()];
    const text = String(toRaw(stored).value);
    const same = [
      `\ufeff${text}`,
      text.padEnd(8_192),
      text.replace('{', '{"seq":7,'),
      text.replace(stored.eventID, stored.eventID.toUpperCase()),
    ];
    await consumeAll(ground, [
      wellFormed(stored),
      ...same.map((value) => ({ ...wellFormed(stored), value })),
      wellFormed({ ...other, eventID: stored.eventID }),
      wellFormed({ ...stored, user: other.user }),
      wellFormed({ ...createEvent(), at: new Date('0000-02-29T23:59:59.999Z') }),
      wellFormed({ ...createEvent(), at: new Date('9999-12-31T23:59:59.999Z') }),
    ]);
    assert.deepEqual(
      (await lettersIn(ground)).map(({ reason }) => reason),
      ['conflict', 'conflict'],
    );
  });

  it('is cut between characters', async () => {
    await using ground = await openConsumerGround(1);
    ground.start();
    await consumeAll(ground, [
      {
        ...malformed,
        headers: [
          ['h', `${'a'.repeat(511)}😀`],
          ['i', `${'😀'.repeat(300)}`],
        ],
      },
    ]);
    const [letter] = await lettersIn(ground);
    assert.deepEqual(letter?.headers, { h: 'a'.repeat(511), i: '😀'.repeat(256) });
  });

  it('is logged with its request id only if it is valid', async () => {
    await using ground = await openConsumerGround(1);
    const consumer = ground.start();
    await consumeAll(ground, [
      { ...malformed, headers: [['x-request-id', 'a b\u001b[2J']] },
      { ...malformed, headers: [['x-request-id', 'r-1']] },
    ]);
    const lines = consumer.lines.filter(({ level }) => level === 50);
    assert.deepEqual(
      lines.map(({ request_id }) => request_id),
      [undefined, 'r-1'],
    );
  });

  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`is read if it is compressed by ${compression}`, async () => {
      await using ground = await openConsumerGround(1);
      await using producers = new AsyncDisposableStack();
      ground.start();
      const producer = openProducer(ground, { compression });
      producers.defer(() => producer.close());
      const event = createEvent();
      const raw = wellFormed(event);
      await producer.send({ messages: [raw, malformed, raw].map((message) => toWire(ground.topic, message)) });
      await continues(ground);
      assert.deepEqual(
        (await lettersIn(ground)).map(({ reason }) => reason),
        ['malformed'],
      );
      assert.equal((await ground.sql(`SELECT FROM notifications WHERE order_id = ${event.orderID}`)).length, 1);
    });
  }

  it('blocks nothing while its transaction is open, nor after it was aborted', async () => {
    await using ground = await openConsumerGround(1);
    await using producers = new AsyncDisposableStack();
    ground.start();
    const producer = openProducer(ground, { transactionalId: `foreign-${ground.topic}`, idempotent: true });
    producers.defer(() => producer.close());
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages: [toWire(ground.topic, malformed)] });
    await continues(ground);
    await transaction.abort();
    await continues(ground);
    assert.deepEqual(
      (await lettersIn(ground)).map(({ reason }) => reason),
      ['malformed'],
    );
  });

  it('becomes a dead letter without headers if the database refuses these, too', async () => {
    await using ground = await openConsumerGround(1);
    const poison = createEvent();
    await ground.sql(`ALTER TABLE notifications ADD CONSTRAINT not_this CHECK (order_id <> ${poison.orderID})`);
    await ground.sql(`ALTER TABLE dead_letters ADD CONSTRAINT no_headers CHECK (headers = '{}')`);
    ground.start();
    await consumeAll(ground, [{ ...wellFormed(poison), headers: [['h', 'v']] }]);
    const [letter] = await lettersIn(ground);
    assert.deepEqual([letter?.reason, letter?.message], ['failed', 'neither it nor its headers can be stored']);
  });
});
