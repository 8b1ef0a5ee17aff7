import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RpcError } from 'rpc-kit';
import { type Answer, type CartModel, type ModelUser, type Mood, shownTo } from './cart-model.ts';
import { cartOf, orderedGoods, type RunningCheckout } from './checkout-fixture.ts';
import { answer, type Behaviour, failBefore, loseReply, refuse, refuseAndLoseReply } from './fake-loms.ts';

/** The steps of the model-based test, in the model and for real. */
export interface Real {
  readonly running: RunningCheckout;
  /** Unique for each run, so that runs share no keys. */
  keyOf(key: string): string;
}

/** Few, so that steps collide. */
export const USERS = 2;
export const KEYS = ['a', 'b', 'c', 'd'];

const BEHAVIOURS: Record<Mood['loms'], Behaviour> = {
  answers: answer,
  refuses: refuse,
  'is down': failBefore,
  'loses the reply': loseReply,
  'refuses and loses the reply': refuseAndLoseReply,
};

export const anySku = fc.integer({ min: 1, max: 3 });
export const anyCount = fc.integer({ min: 1, max: 5 });
export const anyKey = fc.option(fc.constantFrom(...KEYS), { nil: undefined, freq: 2 });
const anyLoms = fc.constantFrom(...(Object.keys(BEHAVIOURS) as Mood['loms'][]));
export const anyBehaviour = anyLoms.map((loms) => BEHAVIOURS[loms]);
const anyUser = fc.nat(USERS - 1);
const anyCrash = fc.constantFrom('before the commit' as const, 'after the commit' as const);
const anyMood: fc.Arbitrary<Mood> = fc.record({
  loms: anyLoms,
  crashAt: fc.option(anyCrash, { nil: undefined, freq: 2 }),
});

type Act = (user: ModelUser, model: CartModel, real: Real) => Promise<void>;
type Step = fc.AsyncCommand<CartModel, Real>;

function stepOf(userIndex: number, words: string, act: Act): Step {
  return {
    check: () => true,
    async run(model, real) {
      const user = model.users[userIndex] as ModelUser;
      await act(user, model, real);
      await assertAsExpected(user, real);
    },
    toString: () => `user ${userIndex} ${words}`,
  };
}

const anyAddition = fc.tuple(anyUser, anySku, anyCount).map(([user, sku, count]) =>
  stepOf(user, `adds ${count} of ${sku}`, async (of, model, { running }) => {
    await running.client.addToCart({ user: of.id, sku, count });
    model.add(of, sku, count);
  }),
);

const anyDeletion = fc.tuple(anyUser, anySku, anyCount).map(([user, sku, count]) =>
  stepOf(user, `deletes ${count} of ${sku}`, async (of, model, { running }) => {
    await running.client.deleteFromCart({ user: of.id, sku, count });
    model.remove(of, sku, count);
  }),
);

const anyPurchase = fc.tuple(anyUser, anyKey, anyMood).map(([user, key, mood]) =>
  stepOf(user, `buys under ${key}, while ${wordsOf(mood)}`, async (of, model, real) => {
    const request = { user: of.id, idempotencyKey: key && real.keyOf(key) };
    const answered = await during(mood, real, () => real.running.client.purchase(request).catch((error) => error));
    assertAnswer(answered, model.purchase(of, key, mood));
  }),
);

const anyResumption = fc.tuple(anyUser, anyMood).map(([user, mood]) =>
  stepOf(user, `is resumed, while ${wordsOf(mood)}`, async (of, model, real) => {
    const failures = await during(mood, real, () => real.running.resume(of.id));
    assert.equal(failures.length > 0, model.resume(of, mood));
  }),
);

export const anySteps = fc.commands([anyAddition, anyDeletion, anyPurchase, anyPurchase, anyResumption], {
  maxCommands: 60,
  size: 'max',
});

export async function assertAsExpected(user: ModelUser, { running }: Real): Promise<void> {
  assert.deepEqual(await cartOf(running, user.id), shownTo(user));
  assert.deepEqual(orderedGoods(running, user.id), user.ordered);
  assert.equal(await running.isPending(user.id), user.pending !== undefined);
}

function wordsOf({ loms, crashAt }: Mood): string {
  return crashAt ? `loms ${loms} and the process ends ${crashAt}` : `loms ${loms}`;
}

/** Sets the behaviour of loms and the process for one call. */
async function during<T>(mood: Mood, { running }: Real, call: () => Promise<T>): Promise<T> {
  running.loms.behaviour = BEHAVIOURS[mood.loms];
  running.crashAt = mood.crashAt;
  try {
    return await call();
  } finally {
    running.recover();
  }
}

const REASONS = { ordered: undefined, refused: 'out_of_stock', 'cart empty': 'cart_empty', pending: 'no answer' };

function assertAnswer(answered: { orderID: bigint } | RpcError, expected: Answer): void {
  const refusal = answered instanceof RpcError ? answered : undefined;
  if (typeof expected === 'string') {
    assert.equal(refusal?.reason ?? refusal?.code, expected);
    return;
  }
  assert.equal(refusal?.reason, REASONS[expected.state]);
  if (expected.state === 'cart empty') return;
  // A repeated call must return the same order.
  const { orderID } = (refusal ? refusal.details : answered) as { orderID: bigint };
  expected.orderID ??= orderID;
  assert.equal(orderID, expected.orderID);
}
