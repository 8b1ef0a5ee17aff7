import assert from 'node:assert/strict';
import { createDice } from './dice.ts';
import { chooseSession, type Session } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';

const goods = { hot: [1, 2, 3], plenty: [10, 11, 12, 13, 14] };
const USERS = 4;
const SESSIONS = 300;

/** The plans of all users of a seed. */
function planStorm(seed: number, wanted = goods): Pick<Session, 'scenario' | 'plan'>[][] {
  return createDice(seed, USERS).map((dice) =>
    Array.from({ length: SESSIONS }, () => {
      const { scenario, plan } = chooseSession(dice, scenarios, wanted);
      return { scenario, plan };
    }),
  );
}

describe('the plan of a storm', () => {
  it('is the same for the same seed', () => {
    assert.deepEqual(planStorm(42), planStorm(42));
  });

  it('differs for another seed and for every user', () => {
    const [one, other] = [planStorm(42), planStorm(43)];
    const plans = [...one, ...other].map((sessions) => JSON.stringify(sessions));
    assert.equal(new Set(plans).size, 2 * USERS);
  });

  it('of a user stays the same with more users', () => {
    const first = (users: number) => chooseSession(createDice(42, users)[0] as never, scenarios, goods).plan;
    assert.deepEqual(first(1), first(100));
  });

  it('has every scenario, about as often as its weight says', () => {
    const sessions = planStorm(42).flat();
    const total = scenarios.reduce((sum, { weight }) => sum + weight, 0);
    for (const { name, weight } of scenarios) {
      const share = sessions.filter(({ scenario }) => scenario === name).length / sessions.length;
      assert.ok(Math.abs(share - weight / total) < 0.05, `${name}: ${share}`);
    }
  });

  it('has many orders of hot skus and more of the others', () => {
    const text = JSON.stringify(planStorm(42));
    const hot = text.match(/"sku":[123]\b/g)?.length ?? 0;
    const plenty = text.match(/"sku":1\d\b/g)?.length ?? 0;
    assert.ok(hot > plenty / 4 && hot < plenty, `${hot} hot, ${plenty} others`);
  });

  it('uses only hot skus when nothing else is on sale', () => {
    const skus = JSON.stringify(planStorm(42, { hot: [1], plenty: [] })).matchAll(/"sku":(\d+)/g);
    assert.deepEqual(new Set([...skus].map(([, sku]) => sku)), new Set(['1']));
  });
});
