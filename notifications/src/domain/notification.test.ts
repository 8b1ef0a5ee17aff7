import assert from 'node:assert/strict';
import { toNotification } from './notification.ts';
import type { OrderEvent } from './ports.ts';

const event: OrderEvent = { eventID: 'e', orderID: 1n, seq: 1, user: 1n, status: 'payed', at: new Date(0) };

describe('The text of a notification', () => {
  const sentences: Record<OrderEvent['status'], string> = {
    new: 'Order 1 was received.',
    'awaiting payment': 'Order 1 waits for payment.',
    failed: 'Order 1 failed: its goods are not all in stock.',
    payed: 'Order 1 is paid.',
    cancelled: 'Order 1 was cancelled.',
  };
  for (const [status, sentence] of Object.entries(sentences)) {
    it(`says of an order that is ${status}: ${sentence}`, () => {
      assert.equal(toNotification({ ...event, status: status as OrderEvent['status'] }).text, sentence);
    });
  }

  it('keeps every digit of the order', () => {
    assert.equal(
      toNotification({ ...event, orderID: -9223372036854775808n }).text,
      'Order -9223372036854775808 is paid.',
    );
  });
});
