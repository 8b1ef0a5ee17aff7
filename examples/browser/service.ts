import { EventEmitter, once } from 'node:events';
import { fail, implement } from 'rpc-kit';
import { auction } from './contract.ts';

/** A page that comes late sees so many. */
const BIDS_KEPT = 100;

export function createAuction() {
  const bids: { readonly seq: bigint; readonly amount: bigint }[] = [];
  const changes = new EventEmitter().setMaxListeners(0);
  return implement(auction, {
    async bid({ amount }) {
      const last = bids.at(-1);
      if (last && amount <= last.amount) throw fail(auction.methods.bid, 'too_low', { highest: last.amount });
      const bid = { seq: (last?.seq ?? 0n) + 1n, amount };
      bids.push(bid);
      if (bids.length > BIDS_KEPT) bids.shift();
      changes.emit('bid');
      return bid;
    },
    async *watch({ after = 0n }, { signal }) {
      for (let seen = after; ; ) {
        const next = bids.find(({ seq }) => seq > seen);
        if (next) {
          yield next;
          seen = next.seq;
        } else await once(changes, 'bid', { signal });
      }
    },
  });
}
