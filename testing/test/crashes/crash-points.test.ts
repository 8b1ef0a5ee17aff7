import assert from 'node:assert/strict';
import { LOMS_TRANSACTIONS, transactionOf } from './crash-points.ts';

describe('The crash points', () => {
  const nameOf = (...ran: string[]) => transactionOf(LOMS_TRANSACTIONS, ran);

  it('identify transactions by their statements', () => {
    assert.equal(nameOf('lock stocks', 'create order', 'reserve stocks'), 'createOrder');
    assert.equal(nameOf('lock stocks', 'create order'), 'createOrder without enough goods');
    assert.equal(nameOf('lock overdue order', 'move order', 'release stocks'), 'cancelling an overdue order');
    assert.equal(nameOf('move order', 'release stocks'), 'cancelOrder');
  });

  it('leave out transactions that change no row', () => {
    assert.equal(nameOf('move order', 'lock order'), undefined);
    assert.equal(nameOf(), undefined);
  });

  it('refuse a transaction that has no name yet', () => {
    assert.throws(() => nameOf('lock order', 'restock'), /does not name the transaction .*: lock order, restock$/);
  });
});
