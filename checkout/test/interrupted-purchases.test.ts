import assert from 'node:assert/strict';
import { type CallOptions, failedWith, RpcError } from 'rpc-kit';
import { sql } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { checkout } from '../contract.ts';
import type { PendingPurchase } from '../src/domain/ports.ts';
import { createUnfinishedPurchases } from '../src/repository/purchases.ts';
import {
  cartOf,
  eventually,
  fill,
  makeDue,
  newUser,
  orderedGoods,
  type RunningCheckout,
  startCheckout,
} from './checkout-fixture.ts';
import { answerTooLate, failBefore, hang, loseReply, refuseAndLoseReply } from './fake-loms.ts';
import { failureOf } from './port-stubs.ts';

const { purchase } = checkout.methods;
const GOODS = { 1: 2, 2: 1 };

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : 1);

describe('an interrupted purchase', () => {
  let testDatabase: TestDatabase;
  /** Two replicas over one database. */
  let running: RunningCheckout;
  let replica: RunningCheckout;
  let user: bigint;
  let idempotencyKey: string;

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

  beforeEach(async () => {
    running.recover();
    user = newUser();
    idempotencyKey = `key of ${user}`;
    await fill(running, user, GOODS);
  });

  const buy = (key?: string, options?: CallOptions) => running.client.purchase({ user, idempotencyKey: key }, options);
  const codeOf = async (call: Promise<unknown>) => ((await failureOf(call)) as RpcError).code;

  async function assertBoughtOnce(): Promise<void> {
    assert.equal(running.loms.ordersOf(user).length, 1);
    assert.deepEqual(orderedGoods(running, user), GOODS);
    assert.deepEqual(await cartOf(running, user), {});
    assert.equal(await running.isPending(user), false);
  }

  const accidents = [
    ['the reply of loms is lost', 'unavailable', () => setBehaviour(loseReply)],
    ['loms is down', 'unavailable', () => setBehaviour(failBefore)],
    ['its caller leaves before loms has made the order', 'cancelled', () => setBehaviour(hang)],
    ['its caller leaves after loms has made the order', 'cancelled', () => setBehaviour(answerTooLate)],
    ['it ends before it is settled', 'internal', () => setCrash('before the commit')],
  ] as const;

  function setBehaviour(behaviour: typeof hang): void {
    running.loms.behaviour = behaviour;
  }

  function setCrash(point: typeof running.crashAt): void {
    running.crashAt = point;
  }

  it('belongs to the request and the trace of the call that began it, even when the background finishes it', async () => {
    const origin = {
      requestId: 'buying',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=1',
      baggage: 'shop=7',
    };
    setBehaviour(failBefore);
    assert.equal(await codeOf(buy(undefined, origin)), 'unavailable');
    running.recover();
    assert.deepEqual(await replica.resume(user), []);
    const { call } = running.loms.requests.at(-1) ?? assert.fail('loms was not asked');
    const { requestId, traceparent, tracestate, baggage } = call;
    assert.deepEqual({ requestId, traceparent, tracestate, baggage }, origin);
    const kept = await running.database.run('test', sql.select().from('purchases').where('baggage IS NOT NULL'));
    assert.deepEqual(kept, [], 'baggage is kept no longer');
  });

  for (const [what, code, cause] of accidents) {
    describe(`because ${what}`, () => {
      async function cutOff(key?: string): Promise<void> {
        cause();
        const caller = new AbortController();
        const requests = running.loms.requests.length;
        const failure = codeOf(buy(key, { signal: caller.signal }));
        if (code === 'cancelled') {
          await eventually(() => running.loms.requests.length > requests);
          caller.abort();
        }
        assert.equal(await failure, code);
        assert.equal(await running.isPending(user), true);
        assert.deepEqual(await cartOf(running, user), GOODS);
        running.recover();
      }

      it('is finished by the next call with its key', async () => {
        await cutOff(idempotencyKey);
        const { orderID } = await buy(idempotencyKey);
        assert.deepEqual(await buy(idempotencyKey), { orderID });
        assert.equal(running.loms.ordersOf(user)[0]?.orderID, orderID);
        await assertBoughtOnce();
      });

      it('is finished by the next call without a key', async () => {
        await cutOff();
        const { orderID } = await buy();
        assert.equal(running.loms.ordersOf(user)[0]?.orderID, orderID);
        await assertBoughtOnce();
      });

      it('is finished in the background without a further call, and its key returns the order', async () => {
        await cutOff(idempotencyKey);
        assert.deepEqual(await replica.resume(user), []);
        await assertBoughtOnce();
        assert.deepEqual(await buy(idempotencyKey), { orderID: running.loms.ordersOf(user)[0]?.orderID });
      });

      it('is finished once after repeated interruptions and concurrent attempts', async () => {
        for (let time = 0; time < 3; time++) await cutOff(time % 2 ? undefined : idempotencyKey);
        const { orderID } = await Promise.all([
          buy(idempotencyKey),
          replica.client.purchase({ user, idempotencyKey }),
          replica.resume(user),
        ]).then(([first, second]) => {
          assert.deepEqual(first, second);
          return first;
        });
        assert.equal(running.loms.ordersOf(user)[0]?.orderID, orderID);
        await assertBoughtOnce();
      });
    });
  }

  it('fails in time when loms does not answer, and is finished by the next call', async () => {
    setBehaviour(answerTooLate);
    assert.equal(await codeOf(buy(idempotencyKey, { timeoutMs: 1_000 })), 'deadline_exceeded');
    assert.deepEqual(await cartOf(running, user), GOODS);
    running.recover();
    await buy(idempotencyKey);
    await assertBoughtOnce();
  });

  it('has ended if only its answer was lost: its key returns the order, and nothing is ordered again', async () => {
    setCrash('after the commit');
    assert.equal(await codeOf(buy(idempotencyKey)), 'internal');
    await assertBoughtOnce();
    const { orderID } = await buy(idempotencyKey);
    assert(failedWith(await failureOf(buy()), purchase, 'cart_empty'));
    assert.equal(running.loms.ordersOf(user)[0]?.orderID, orderID);
    await assertBoughtOnce();
  });

  it('is refused with the first shortages if the reply of that refusal was lost', async () => {
    setBehaviour(refuseAndLoseReply);
    assert.equal(await codeOf(buy(idempotencyKey)), 'unavailable');
    running.recover();
    const refused = running.loms.orders.at(-1);
    for (let time = 0; time < 2; time++) {
      const error = await failureOf(buy(idempotencyKey));
      assert(failedWith(error, purchase, 'out_of_stock'));
      assert.equal(error.details.orderID, refused?.orderID);
    }
    assert.deepEqual(await cartOf(running, user), GOODS);
    assert.equal(await running.isPending(user), false);
  });

  it('returns its goods in the background if the reply of a refusal was lost', async () => {
    setBehaviour(refuseAndLoseReply);
    assert.equal(await codeOf(buy()), 'unavailable');
    running.recover();
    await running.client.deleteFromCart({ user, sku: 1, count: 1 });
    await fill(running, user, { 3: 1 });
    assert.deepEqual(await running.resume(user), []);
    assert.equal(await running.isPending(user), false);
    assert.deepEqual(await cartOf(running, user), { 1: 1, 2: 1, 3: 1 });
    await buy();
    assert.deepEqual(orderedGoods(running, user), { 1: 1, 2: 1, 3: 1 });
  });

  it('keeps what was added and loses what was deleted before it is finished', async () => {
    setBehaviour(loseReply);
    assert.equal(await codeOf(buy()), 'unavailable');
    running.recover();
    await fill(running, user, { 1: 5, 3: 1 });
    await running.client.deleteFromCart({ user, sku: 1, count: 1 });
    assert.deepEqual(await cartOf(running, user), { 1: 6, 2: 1, 3: 1 });
    await buy();
    assert.deepEqual(orderedGoods(running, user), GOODS);
    assert.deepEqual(await cartOf(running, user), { 1: 4, 3: 1 });
  });

  it('keeps its goods when loms refuses calls after it has made the order', async () => {
    setBehaviour(loseReply);
    await failureOf(buy(idempotencyKey));
    for (const code of ['unauthenticated', 'invalid_request', 'method_not_found'] as const) {
      setBehaviour(async () => {
        throw new RpcError(code, 'a gateway says no');
      });
      assert.equal(await codeOf(buy(idempotencyKey)), 'internal');
      assert.equal(await running.isPending(user), true);
    }
    running.recover();
    await buy(idempotencyKey);
    await assertBoughtOnce();
  });

  it('returns its goods when loms rejects the order, and does not block the next purchase', async () => {
    setBehaviour(async () => {
      throw new RpcError('invalid_params', 'Invalid params: items');
    });
    assert.equal(await codeOf(buy(idempotencyKey)), 'internal');
    running.recover();
    assert.equal(await running.isPending(user), false);
    assert.deepEqual(await cartOf(running, user), GOODS);
    assert.equal(await codeOf(buy(idempotencyKey)), 'internal');
    await buy();
    await assertBoughtOnce();
  });

  it('is settled even if the caller leaves while loms works', async () => {
    const caller = new AbortController();
    const gate = Promise.withResolvers<void>();
    setBehaviour(async (desk) => {
      await gate.promise;
      return desk.order();
    });
    const failure = failureOf(running.client.purchase({ user }, { signal: caller.signal }));
    await eventually(() => running.loms.requests.at(-1)?.user === user);
    caller.abort();
    await failure;
    gate.resolve();
    running.recover();
    await running.resume(user);
    await assertBoughtOnce();
  });

  it('is finished by another process when its own process ends', async () => {
    const ending = await startCheckout(testDatabase.url, { beside: running });
    setBehaviour(answerTooLate);
    const failure = failureOf(ending.client.purchase({ user }));
    await eventually(() => running.loms.ordersOf(user).length === 1);
    await ending[Symbol.asyncDispose]();
    await failure;
    running.recover();
    assert.equal(await running.isPending(user), true);
    assert.deepEqual(await running.resume(user), []);
    await assertBoughtOnce();
  });

  describe('in the background', () => {
    const RESTS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];

    const claim = (limit = 100) => createUnfinishedPurchases(running.database).claim(limit, new AbortController());
    const usersOf = (claimed: readonly PendingPurchase[]) => claimed.map((pending) => pending.user).toSorted(ascending);

    beforeEach(async () => {
      const leftBehind = sql.update().table('purchases').set('resume_at', 'infinity').where("state = 'pending'");
      await running.database.run('test', leftBehind);
    });

    async function cutOffAs(...users: bigint[]): Promise<void> {
      setBehaviour(failBefore);
      for (const buyer of users) {
        if (buyer !== user) await fill(running, buyer, { 1: 1 });
        await failureOf(running.client.purchase({ user: buyer }));
      }
    }

    /** Milliseconds until it is due. */
    async function restOf(buyer: bigint): Promise<number> {
      const dueIn = sql.str('(extract(epoch FROM resume_at - clock_timestamp()) * 1000)::integer');
      const query = sql.select().from('purchases').field(dueIn, 'due_in').where("state = 'pending'");
      const [row] = await running.database.run<{ due_in: number }>('test', query.where('user_id = ?', buyer));
      return row?.due_in ?? assert.fail('nothing is pending');
    }

    async function setAttempts(attempts: number): Promise<void> {
      const statement = sql.update().table('purchases').set('attempts', attempts).where('user_id = ?', user);
      await running.database.run('test', statement);
    }

    it('is finished by the service itself as soon as it is due', async () => {
      await cutOffAs(user);
      running.recover();
      await using _background = await startCheckout(testDatabase.url, { beside: running, background: 'on' });
      await makeDue(running.database, [user]);
      await eventually(async () => !(await running.isPending(user)));
      await assertBoughtOnce();
    });

    it('is not claimed while its own call may finish it', async () => {
      await cutOffAs(user);
      assert.deepEqual(await claim(), []);
      assert((await restOf(user)) > purchase.timeoutMs - 1_000);
    });

    it('is claimed with all its goods, by one of several concurrent rounds', async () => {
      const users = [user, newUser(), newUser(), newUser()];
      await cutOffAs(...users);
      for (let round = 0; round < 10; round++) {
        await makeDue(running.database, users);
        const claimed = (await Promise.all(Array.from({ length: 8 }, () => claim()))).flat();
        // A round finds nothing while other rounds hold all claims.
        claimed.push(...(await claim()));
        assert.deepEqual(usersOf(claimed), users);
        assert.deepEqual(claimed.find((pending) => pending.user === user)?.items, [
          { sku: 1, count: 2 },
          { sku: 2, count: 1 },
        ]);
      }
    });

    it('is claimed in batches if there are more than one round may claim', async () => {
      const users = [user, newUser(), newUser(), newUser(), newUser()];
      await cutOffAs(...users);
      await makeDue(running.database, users);
      const claimed: PendingPurchase[] = [];
      for (let part = 0; part < 3; part++) claimed.push(...(await claim(2)));
      assert.deepEqual(usersOf(claimed), users);
    });

    it('backs off longer after each attempt, up to a minute', async () => {
      await cutOffAs(user);
      for (const expectedMs of RESTS_MS) {
        await makeDue(running.database, [user]);
        assert.equal((await claim()).length, 1);
        const restMs = await restOf(user);
        assert(restMs <= expectedMs && restMs > expectedMs - 900, `${restMs} ms of ${expectedMs}`);
      }
    });

    it('is claimed even after a thousand attempts, and does not block other purchases', async () => {
      const other = newUser();
      await cutOffAs(user, other);
      await setAttempts(2_000);
      await makeDue(running.database, [user, other]);
      assert.deepEqual(usersOf(await claim()), [user, other]);
    });

    it('does not block others when it cannot be finished', async () => {
      const users = [user, newUser(), newUser()];
      await cutOffAs(...users);
      setBehaviour(async (desk) => {
        if (desk.request.user === user) throw new RpcError('internal', 'a mistake of loms');
        return desk.order();
      });
      const failures = await running.resume(...users);
      assert.equal(failures.length, 1);
      assert.deepEqual(await Promise.all(users.map((buyer) => running.isPending(buyer))), [true, false, false]);
    });
  });
});
