import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import sinon from 'sinon';
import { PAUSE_MAX_MS, REFUSALS, RefusalBudget } from './refusal-budget.ts';

const { tokens: PER_INTERVAL, intervalMs } = REFUSALS;

describe('the budget of refusals', () => {
  let clock: sinon.SinonFakeTimers;
  let admission: { limit: number; inFlight: number };
  let budget: RefusalBudget;
  let read: string[];

  beforeEach(() => {
    clock = sinon.useFakeTimers();
    admission = { limit: 10, inFlight: 10 };
    budget = new RefusalBudget(admission);
    read = [];
  });

  afterEach(() => {
    clock.restore();
  });

  /** @returns the connections of these refused callers */
  function refuse(count: number) {
    return Array.from({ length: count }, (_, index) => {
      const socket = { isPaused: false, pause: () => (socket.isPaused = true), resume: () => read.push(String(index)) };
      budget.spend(socket as unknown as Socket);
      return socket;
    });
  }

  it('pauses no caller in a burst, and each refused caller beyond it', () => {
    assert.ok(refuse(PER_INTERVAL).every(({ isPaused }) => !isPaused));
    assert.ok(refuse(3).every(({ isPaused }) => isPaused));
  });

  it('reads the paused callers again in turn, as many as it may refuse', () => {
    refuse(PER_INTERVAL);
    refuse(PER_INTERVAL * 3);
    clock.tick(intervalMs);
    assert.deepEqual(
      read,
      Array.from({ length: PER_INTERVAL }, (_, index) => String(index)),
    );
  });

  it('reads more of them when slots are free', () => {
    refuse(PER_INTERVAL);
    refuse(PER_INTERVAL * 3);
    admission.inFlight = 4;
    clock.tick(intervalMs);
    assert.equal(read.length, PER_INTERVAL + 6);
  });

  it('pauses no caller for longer than its maximum, however many there are', () => {
    refuse(PER_INTERVAL);
    refuse(2_000);
    const refuseThoseThatAreRead = setInterval(() => refuse(PER_INTERVAL), intervalMs);
    clock.tick(PAUSE_MAX_MS);
    clearInterval(refuseThoseThatAreRead);
    assert.ok(read.length >= 2_000, `${read.length} were read`);
  });
});
