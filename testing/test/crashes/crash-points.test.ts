import assert from 'node:assert/strict';
import { LOMS_TRANSACTIONS, transactionOf } from './crash-points.ts';

describe('The crash points', () => {
  const nameOf = (...ran: string[]) => transactionOf(LOMS_TRANSACTIONS, ran);

  it('identify transactions by their statements', () => {
    assert.equal(nameOf('lock stocks', 'create orders'), 'createOrder');
    assert.equal(nameOf('lock stocks', 'create failed orders'), 'createOrder without enough goods');
    assert.equal(nameOf('lock overdue order', 'cancel orders'), 'cancelling an overdue order');
    assert.equal(nameOf('cancel orders', 'find orders'), 'cancelOrder');
  });

  it('leave out transactions that change no row', () => {
    assert.equal(nameOf('find idempotency keys', 'lock stocks'), undefined);
    assert.equal(nameOf(), undefined);
  });

  it('refuse a transaction that has no name yet', () => {
    assert.throws(() => nameOf('lock stocks', 'restock'), /does not name the transaction .*: lock stocks, restock$/);
  });
});
