import { type Call, callsOf } from '../calls.ts';
import type { Operation } from '../history.ts';
import type { Row } from '../query.ts';
import { goodsOf, keyOf, outcomeOf } from './answers.ts';

type Ordering = Call<'createOrder'> | Call<'purchase'>;

/**
 * Keys of a user under which two bodies were answered, or whose only body was refused as if there had been another. Beside its
 * user a purchase has no body, so none of them can be refused so.
 */
export function findOtherBodies(history: readonly Operation[]): Row[] {
  return [
    ...otherBodies('createOrder', callsOf(history, 'createOrder'), goodsOf),
    ...otherBodies('purchase', callsOf(history, 'purchase'), () => 'the cart'),
  ];
}

function otherBodies<C extends Ordering>(op: string, calls: readonly C[], bodyOf: (call: C) => string): Row[] {
  const byKey = Map.groupBy(calls, keyOf);
  byKey.delete(undefined);
  return [...byKey].flatMap(([key, ofKey]) => {
    const sent = new Set(ofKey.map(bodyOf));
    const answered = new Set(ofKey.filter((call) => outcomeOf(call) !== undefined).map(bodyOf));
    const refused = ofKey.some(({ code }) => code === 'idempotency_conflict');
    const amiss =
      answered.size > 1 ? 'two bodies answered' : refused && sent.size === 1 ? 'refused without another' : '';
    return amiss === '' ? [] : [{ op, key, amiss, bodies: [...sent] }];
  });
}
