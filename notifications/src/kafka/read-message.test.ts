import assert from 'node:assert/strict';
import { orderEvents } from 'loms/contract.ts';
import { readMessage } from './read-message.ts';

const { orderID } = orderEvents.example;

function contentOf(value: string) {
  const key = Buffer.from(orderEvents.keyOf(BigInt(orderID)));
  return readMessage({ offset: 0n, key, value: Buffer.from(value), headers: {} }).content;
}

describe('a Kafka record', () => {
  const event = JSON.stringify(orderEvents.example);

  it('with a value longer than any event is malformed and is not parsed', () => {
    assert.ok('event' in contentOf(event.padEnd(8_192)));
    assert.deepEqual(contentOf(event.padEnd(1_000_000)), {
      reason: 'malformed',
      message: 'its value has 1000000 bytes, and an event has at most 8192',
    });
  });

  it('may spell its numbers in any way', () => {
    const spelled = event.replaceAll(`:${orderID},`, `:${orderID}.0,`).replace('"version":1,', '"version":10e-1,');
    assert.deepEqual(contentOf(spelled), contentOf(event));
    const long = event.replace(`:${orderID},`, `:${'9'.repeat(5_000)},`);
    const content = contentOf(long);
    assert.match(
      'message' in content ? content.message : '',
      /^orderID: expected a whole number from -9223372036854775808/,
    );
  });
});
