import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RpcError } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { accountedFor, createCartModel, entriesOf, type Goods, put } from './cart-model.ts';
import {
  anyBehaviour,
  anyCount,
  anyKey,
  anySku,
  anySteps,
  assertAsExpected,
  KEYS,
  type Real,
  USERS,
} from './cart-steps.ts';
import { cartOf, newUser, orderedGoods, type RunningCheckout, startCheckout } from './checkout-fixture.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const RUNS = 25;

/** A call that runs concurrently with others. */
type Act =
  | { readonly act: 'add' | 'delete'; readonly sku: number; readonly count: number }
  | { readonly act: 'purchase'; readonly key: string | undefined }
  | { readonly act: 'resume' };

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ act: fc.constantFrom('add' as const, 'delete' as const), sku: anySku, count: anyCount }),
  fc.record({ act: fc.constant('purchase' as const), key: anyKey }),
  fc.record({ act: fc.constant('resume' as const) }),
);
const anyActs = fc.array(anyAct, { minLength: 5, maxLength: 12, size: 'max' });

/** How a purchase was answered, and under which key. */
interface Answered {
  readonly key: string | undefined;
  readonly answer: { readonly orderID: bigint } | RpcError;
}

describe(`carts and purchases, by the seed ${seed}`, function () {
  this.timeout(120_000);
  let testDatabase: TestDatabase;
  /** Two replicas over one database. */
  let running: RunningCheckout;
  let replica: RunningCheckout;

  before(async () => {
    testDatabase = await createTestDatabase('checkout');
    running = await startCheckout(testDatabase.url);
    replica = await startCheckout(testDatabase.url, { beside: running });
  });

  after(async () => {
    await replica[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  it('agree with a simple model, whatever loms does and wherever a process ends', async () => {
    const property = fc.asyncProperty(anySteps, async (steps) => {
      running.recover();
      const userIDs = Array.from({ length: USERS }, newUser);
      const model = createCartModel(userIDs);
      const real: Real = { running, keyOf: (key) => `${key} of ${userIDs}` };
      await fc.asyncModelRun(() => ({ model, real }), steps);
      // With a working loms, every purchase ends.
      for (const user of model.users) {
        assert.deepEqual(await running.resume(user.id), []);
        model.resume(user, { loms: 'answers', crashAt: undefined });
        assert.equal(user.pending, undefined);
        await assertAsExpected(user, real);
        assert.deepEqual(accountedFor(user, await cartOf(running, user.id)), user.added);
      }
    });
    await fc.assert(property, { numRuns: RUNS, seed });
  });

  it('lose nothing and order nothing twice under concurrent calls of one user', async () => {
    const anyCallers = fc.array(anyActs, { minLength: 2, maxLength: 4 });
    const property = fc.asyncProperty(anyCallers, fc.infiniteStream(anyBehaviour), async (callers, behaviours) => {
      const user = newUser();
      const added: Goods = {};
      const deleted: Goods = {};
      const answers: Answered[] = [];
      running.loms.behaviour = (desk, call) => behaviours.next().value(desk, call);

      async function perform(act: Act, { client, resume }: RunningCheckout): Promise<unknown> {
        if (act.act === 'resume') return resume(user);
        if (act.act === 'purchase') {
          const idempotencyKey = act.key && `${act.key} of ${user}`;
          const answer = await client.purchase({ user, idempotencyKey }).catch((error: RpcError) => error);
          return answers.push({ key: act.key, answer });
        }
        const { sku, count } = act;
        put(act.act === 'add' ? added : deleted, sku, count);
        return act.act === 'add' ? client.addToCart({ user, sku, count }) : client.deleteFromCart({ user, sku, count });
      }
      await Promise.all(
        callers.map(async (acts, index) => {
          for (const act of acts) await perform(act, index % 2 ? replica : running);
        }),
      );

      running.recover();
      assert.deepEqual(await running.resume(user), []);
      assert.equal(await running.isPending(user), false);
      assertNothingLost(added, deleted, orderedGoods(running, user), await cartOf(running, user));
      assertOneAnswerForEachKey(answers);
      const orderIDs = running.loms.ordersOf(user).map(({ orderID }) => orderID);
      for (const { answer } of answers) assert(answer instanceof RpcError || orderIDs.includes(answer.orderID));
    });
    await fc.assert(property, { numRuns: RUNS, seed });
  });
});

/** Of what was deleted, it is not known how much was still there: it may have been bought, or never there. */
function assertNothingLost(added: Goods, deleted: Goods, ordered: Goods, cart: Goods): void {
  for (const [sku, count] of entriesOf(added)) {
    const missing = count - (ordered[sku] ?? 0) - (cart[sku] ?? 0);
    assert(missing >= 0 && missing <= (deleted[sku] ?? 0), `${missing} of sku ${sku} are missing`);
  }
}

/** A failure without a reason, e.g. unavailable, is no answer; all that are one say the same. */
function assertOneAnswerForEachKey(answers: readonly Answered[]): void {
  for (const key of KEYS) {
    const said = answers
      .filter((given) => given.key === key)
      .map(({ answer }) => (answer instanceof RpcError ? answer.reason : `order ${answer.orderID}`))
      .filter((text) => text !== undefined);
    assert(new Set(said).size <= 1, `${key} was answered ${said}`);
  }
}
