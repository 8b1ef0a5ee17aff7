import assert from 'node:assert/strict';
import { notificationText } from './notification.ts';
import type { OrderStatus } from './ports.ts';

describe('notificationText', () => {
  const sentences: Record<OrderStatus, string> = {
    new: 'Order 1 was received.',
    'awaiting payment': 'Order 1 waits for payment.',
    failed: 'Order 1 failed: its goods are not all in stock.',
    payed: 'Order 1 is payed.',
    cancelled: 'Order 1 was cancelled.',
  };
  for (const [status, sentence] of Object.entries(sentences)) {
    it(`says of an order that is ${status}: ${sentence}`, () => {
      assert.equal(notificationText({ orderID: 1n, status: status as OrderStatus }), sentence);
    });
  }

  it('keeps every digit of the order', () => {
    assert.equal(
      notificationText({ orderID: -9223372036854775808n, status: 'payed' }),
      'Order -9223372036854775808 is payed.',
    );
  });
});
