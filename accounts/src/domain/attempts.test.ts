import assert from 'node:assert/strict';
import { NETWORK, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { ACCOUNT_FREE, countRegistration, delayAfter, type Guess, reserveGuess, succeed } from './attempts.ts';
import { Refusal } from './refusal.ts';

const ANNA: Guess = { emailKey: 'anna@shop.example', network: NETWORK };
const ATTACKER: Guess = { ...ANNA, network: '198.51.100.9' };
const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;

describe('attempts', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  const guess = (by: Guess) => reserveGuess(ports.store, ports.limits, by, ports);

  /** @returns the delay of the refusal, 0 where the guess was allowed */
  async function delayOf(attempt: Promise<unknown>): Promise<number> {
    try {
      await attempt;
      return 0;
    } catch (error) {
      assert.ok(error instanceof Refusal);
      assert.equal(error.reason, 'too_many_attempts');
      return (error.facts as { retryAfterMs: number }).retryAfterMs;
    }
  }

  async function fail(by: Guess, times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      const waitMs = await delayOf(guess(by));
      ports.failures.now += waitMs;
      if (waitMs > 0) await guess(by);
    }
  }

  it('are delayed by a second after the free ones, then twice as long each time, up to 15 minutes', () => {
    const delays = [4, 5, 6, 7, 14, 15, 16, 1_000, 2_147_483_647].map((count) => delayAfter(count, 5));
    assert.deepEqual(delays, [0, 1_000, 2_000, 4_000, 512_000, QUARTER_MS, QUARTER_MS, QUARTER_MS, QUARTER_MS]);
  });

  it('of one account are free five times; the next is refused with the time to wait, and is not counted', async () => {
    await fail(ANNA, ACCOUNT_FREE);
    assert.equal(await delayOf(guess(ANNA)), 1_000);
    assert.equal(await delayOf(guess(ANNA)), 1_000);
    ports.failures.now += 1_000;
    assert.equal(await delayOf(guess(ANNA)), 0);
    assert.equal(await delayOf(guess(ANNA)), 2_000);
  });

  it('of many networks count together against one account', async () => {
    for (let n = 0; n < ACCOUNT_FREE; n++) await guess({ ...ANNA, network: `198.51.100.${n}` });
    assert.equal(await delayOf(guess({ ...ANNA, network: '203.0.113.1' })), 1_000);
  });

  it('of one network count together against many accounts', async () => {
    for (let n = 0; n < ports.limits.addressFree; n++) await guess({ ...ANNA, emailKey: `${n}@shop.example` });
    assert.equal(await delayOf(guess(ANNA)), 1_000);
    assert.equal(await delayOf(guess(ATTACKER)), 0);
  });

  it('from an unknown network count against the account only', async () => {
    const anywhere = { ...ANNA, network: undefined };
    await fail(anywhere, ACCOUNT_FREE);
    assert.equal(await delayOf(guess(anywhere)), 1_000);
    assert.equal(ports.failures.rows.size, 1);
  });

  it('of an attacker do not delay a network from which the account was logged in to', async () => {
    await succeed({ loginFailures: ports.failures }, ports.limits, await guess(ANNA));
    await fail(ATTACKER, 30);
    assert.equal(await delayOf(guess(ATTACKER)), QUARTER_MS);
    assert.equal(await delayOf(guess(ANNA)), 0);
  });

  it('from a known network are delayed too, by a count of their own', async () => {
    await succeed({ loginFailures: ports.failures }, ports.limits, await guess(ANNA));
    await fail(ANNA, ACCOUNT_FREE);
    assert.equal(await delayOf(guess(ANNA)), 1_000);
    assert.equal(await delayOf(guess(ATTACKER)), 0);
  });

  it('make a network unknown again 60 days after its last login, which is long after the end of its session (41)', async () => {
    await succeed({ loginFailures: ports.failures }, ports.limits, await guess(ANNA));
    ports.failures.now += 59 * DAY_MS;
    await fail(ATTACKER, 30);
    assert.equal(await delayOf(guess(ANNA)), 0);
    ports.failures.now += DAY_MS;
    await fail(ATTACKER, 30);
    assert.equal(await delayOf(guess(ANNA)), QUARTER_MS);
  });

  it('that are right reset the account, and give the network its attempt back', async () => {
    for (let n = 0; n < 3 * ports.limits.addressFree; n++) {
      await succeed({ loginFailures: ports.failures }, ports.limits, await guess(ANNA));
    }
    assert.equal(ports.failures.rows.get(`logins of ${NETWORK}`)?.count, 0);
    assert.equal(ports.failures.rows.get('account anna@shop.example'), undefined);
  });

  it('that are right do not forgive the network its failures of other accounts', async () => {
    for (let n = 0; n < ports.limits.addressFree - 1; n++) await guess({ ...ANNA, emailKey: `${n}@shop.example` });
    await succeed({ loginFailures: ports.failures }, ports.limits, await guess(ANNA));
    ports.failures.now += QUARTER_MS;
    await guess({ ...ANNA, emailKey: 'bert@shop.example' });
    assert.equal(await delayOf(guess({ ...ANNA, emailKey: 'cleo@shop.example' })), 1_000);
  });

  it('of honest people who share a network do not add up over weeks', async () => {
    const HOUR_MS = DAY_MS / 24;
    for (let hour = 0; hour < 30 * 24; hour++) {
      ports.failures.now += HOUR_MS;
      const { now } = ports.failures;
      for (let n = 0; n < 2; n++) await guess({ ...ANNA, emailKey: `${now}-${n}@shop.example` });
      await countRegistration(ports.store, ports.limits, NETWORK, ports);
      await succeed({ loginFailures: ports.failures }, ports.limits, await guess(ANNA));
    }
  });

  it('are forgotten a day after the first of them', async () => {
    for (const isKnown of [false, true]) {
      if (isKnown) await succeed({ loginFailures: ports.failures }, ports.limits, await guess(ANNA));
      await fail(ANNA, 30);
      ports.failures.now += DAY_MS;
      await fail(ANNA, ACCOUNT_FREE);
      assert.equal(await delayOf(guess(ANNA)), 1_000);
      ports.failures.now += DAY_MS;
    }
  });

  it('to register are counted by network, apart from logins', async () => {
    const registration = () => countRegistration(ports.store, ports.limits, NETWORK, ports);
    for (let n = 0; n < ports.limits.addressFree; n++) await registration();
    assert.equal(await delayOf(registration()), 1_000);
    assert.equal(await delayOf(guess(ANNA)), 0);
    assert.equal(await delayOf(countRegistration(ports.store, ports.limits, undefined, ports)), 0);
  });
});
