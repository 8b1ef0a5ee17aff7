import type { CallOptions } from 'rpc-kit';
import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import { fillCart, purchaseCart } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
  /** After how long the purchase and the payment are given up. */
  readonly purchaseGivenUpAfterMs: number;
  readonly paymentGivenUpAfterMs: number;
  readonly comesBack: boolean;
}

/** From "before it is sent" to "just as the answer comes": a purchase takes some tens of milliseconds under load. */
const GIVEN_UP_MAX_MS = 60;
const COMES_BACK_PERCENT = 70;

/** Closes the page while calls are under way; mostly comes back and asks again with the same key. */
export const impatientCaller: Scenario<Plan> = {
  name: 'impatient caller',
  weight: 6,
  plan: (dice, goods) => ({
    lines: chooseLines(dice, goods),
    purchaseGivenUpAfterMs: dice.between(0, GIVEN_UP_MAX_MS),
    paymentGivenUpAfterMs: dice.between(0, GIVEN_UP_MAX_MS),
    comesBack: dice.chance(COMES_BACK_PERCENT),
  }),
  async play({ lines, purchaseGivenUpAfterMs, paymentGivenUpAfterMs, comesBack }, user) {
    const key = user.newKey();
    await fillCart(user, lines);
    await user.checkout.purchase({ user: user.id, idempotencyKey: key }, givenUpAfter(purchaseGivenUpAfterMs));
    if (!comesBack) return;
    const orderID = await purchaseCart(user, key);
    if (orderID !== undefined) await user.loms.orderPayed({ orderID }, givenUpAfter(paymentGivenUpAfterMs));
  },
};

/** A signal, not a timeout: the connection is cut without a word, as by a browser whose page is closed. */
function givenUpAfter(ms: number): CallOptions {
  return { signal: AbortSignal.timeout(ms) };
}
