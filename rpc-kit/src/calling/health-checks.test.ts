import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { callOf } from '../../test/call-stubs.ts';
import { RpcError } from '../rpc-error.ts';
import { type CheckRecord, createCheckState, createHealthChecks, type HealthCheckOptions } from './health-checks.ts';

/** What the endpoint does when it is asked. */
type Answer = boolean | 'silent' | 'unreachable';

interface Checked extends CheckRecord {
  readonly name: string;
  answer: Answer;
  asked: number;
}

describe('health checks', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
    sinon.restore();
  });

  function endpointOf(name: string, answer: Answer = true): Checked {
    const endpoint: Checked = {
      name,
      answer,
      asked: 0,
      check: createCheckState(),
      transport: {
        call: () => assert.fail('a check is no call'),
        async askReadiness() {
          endpoint.asked += 1;
          if (endpoint.answer === 'silent') return await new Promise(() => {});
          if (endpoint.answer === 'unreachable') throw new RpcError('unavailable', 'cannot be reached');
          return endpoint.answer;
        },
      },
    };
    return endpoint;
  }

  function setUp(endpoints: readonly Checked[], options: HealthCheckOptions = {}, random = () => 0.5) {
    const log: string[] = [];
    const checks = createHealthChecks<Checked>(options, random, {
      fall: ({ name }, error) => log.push(`${name} falls: ${error?.code ?? 'not ready'}`),
      rise: ({ name }) => log.push(`${name} rises`),
    });
    for (const endpoint of endpoints) checks.watch(endpoint);
    const available = (given = endpoints): string =>
      checks
        .narrow({ listed: endpoints, available: given }, { call: callOf(), isFailover: false })
        .available.map(({ name }) => name)
        .join(' ');
    return { checks, log, available };
  }

  it('lets an endpoint get calls after the first check that it passes', async () => {
    const [one, other] = [endpointOf('a'), endpointOf('b')];
    const { available, log } = setUp([one, other]);
    assert.equal(one.check.name, 'unchecked');
    await clock.tickAsync(0);
    assert.equal(one.check.name, 'passing');
    assert.equal(available(), 'a b');
    assert.deepEqual(log, []);
  });

  it('lets an endpoint that joins get no calls before it has passed one', async () => {
    const [one, other] = [endpointOf('a'), endpointOf('b', 'silent')];
    const { available, log } = setUp([one, other]);
    await clock.tickAsync(0);
    assert.equal(available(), 'a');
    await clock.tickAsync(1_000);
    assert.deepEqual(log, ['b falls: deadline_exceeded']);
    other.answer = true;
    await clock.tickAsync(2_000);
    assert.equal(available(), 'a');
    await clock.tickAsync(2_000);
    assert.equal(available(), 'a b');
    assert.deepEqual(log.slice(1), ['b rises']);
  });

  it('take an endpoint out at once when it answers that it is not ready, and back after two passes', async () => {
    const [one, other] = [endpointOf('a'), endpointOf('b')];
    const { available, log } = setUp([one, other]);
    await clock.tickAsync(0);
    other.answer = false;
    await clock.tickAsync(2_000);
    assert.equal(available(), 'a');
    assert.deepEqual(log, ['b falls: not ready']);
    other.answer = true;
    await clock.tickAsync(2_000);
    assert.equal(available(), 'a');
    await clock.tickAsync(2_000);
    assert.equal(available(), 'a b');
    assert.deepEqual(log, ['b falls: not ready', 'b rises']);
  });

  for (const answer of ['silent', 'unreachable'] as const) {
    it(`take an endpoint that is ${answer} out after three failures in a row, and not after fewer`, async () => {
      const [one, other] = [endpointOf('a'), endpointOf('b')];
      const { log } = setUp([one, other], { timeoutMs: 500 });
      await clock.tickAsync(0);
      for (const answers of [
        [answer, answer, true],
        [answer, answer, answer],
      ]) {
        assert.deepEqual(log, []);
        for (const each of answers) {
          other.answer = each;
          await clock.tickAsync(2_000);
          await clock.tickAsync(each === 'silent' ? 500 : 0);
        }
      }
      assert.deepEqual(log, [`b falls: ${answer === 'silent' ? 'deadline_exceeded' : 'unavailable'}`]);
    });
  }

  it('are ignored when less than half of the endpoints pass, and when they would leave none', async () => {
    const endpoints = ['a', 'b', 'c', 'd'].map((name) => endpointOf(name, name < 'c'));
    const { available } = setUp(endpoints);
    await clock.tickAsync(0);
    assert.equal(available(), 'a b');
    assert.equal(available(endpoints.slice(2)), 'c d');
    for (const endpoint of endpoints) endpoint.answer = endpoint.name === 'a';
    await clock.tickAsync(2_000);
    assert.equal(available(), 'a b c d');
  });

  it('come at intervals that differ by up to a tenth', async () => {
    for (const [random, ms] of [
      [0, 1_800],
      [0.999, 2_199],
    ] as const) {
      const endpoint = endpointOf('a');
      const { checks } = setUp([endpoint], {}, () => random);
      await clock.tickAsync(ms - 1);
      assert.equal(endpoint.asked, 1);
      await clock.tickAsync(2);
      assert.equal(endpoint.asked, 2);
      checks[Symbol.dispose]();
    }
  });

  it('run no more than checksMax at a time, and the others in their order', async () => {
    const endpoints = ['a', 'b', 'c', 'd', 'e'].map((name) => endpointOf(name, 'silent'));
    const asked = (): number => endpoints.reduce((sum, endpoint) => sum + endpoint.asked, 0);
    setUp(endpoints, { checksMax: 2, timeoutMs: 100 });
    await clock.tickAsync(99);
    assert.equal(asked(), 2);
    await clock.tickAsync(1);
    assert.equal(asked(), 4);
    await clock.tickAsync(100);
    assert.deepEqual(
      endpoints.map((endpoint) => endpoint.asked),
      [1, 1, 1, 1, 1],
    );
  });

  it('end for an endpoint that has left, even during a check, and for all when they are disposed of', async () => {
    const endpoints = ['a', 'b', 'c'].map((name) => endpointOf(name, name === 'b' ? 'silent' : true));
    const [one, other] = endpoints as [Checked, Checked];
    const { checks, log } = setUp(endpoints);
    await clock.tickAsync(0);
    checks.unwatch(one);
    checks.unwatch(other);
    await clock.tickAsync(60_000);
    assert.deepEqual([one.asked, other.asked], [1, 1]);
    assert.deepEqual(log, []);
    checks[Symbol.dispose]();
    assert.equal(clock.countTimers(), 0);
  });

  it('leave nothing behind when they are disposed of during a check', async () => {
    const endpoint = endpointOf('a', 'silent');
    const { checks, log } = setUp([endpoint]);
    checks[Symbol.dispose]();
    await clock.tickAsync(0);
    assert.equal(clock.countTimers(), 0);
    assert.deepEqual(log, []);
  });

  it('follow any sequence of answers by the same rules', async () => {
    const answers = fc.array(fc.constantFrom<Answer>(true, false, 'unreachable'), { maxLength: 40 });
    const thresholds = fc.record({
      riseAfter: fc.integer({ min: 1, max: 4 }),
      fallAfter: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(answers, thresholds, async (sequence, { riseAfter, fallAfter }) => {
        const endpoint = endpointOf('a', sequence[0]);
        const { checks } = setUp([endpoint], { riseAfter, fallAfter });
        await clock.tickAsync(0);
        let seen: Answer[] = sequence.slice(0, 1);
        let isPassing = seen[0] === true;
        for (const answer of sequence.slice(1)) {
          endpoint.answer = answer;
          await clock.tickAsync(2_000);
          seen = [...seen, answer];
          const lastAre = (count: number, wanted: boolean): boolean =>
            seen.length >= count && seen.slice(-count).every((each) => (each === true) === wanted);
          if (answer === false || lastAre(fallAfter, false)) isPassing = false;
          else if (!isPassing && lastAre(riseAfter, true)) isPassing = true;
          if (sequence.length > 1) assert.equal(endpoint.check.name === 'passing', isPassing, seen.join());
        }
        checks[Symbol.dispose]();
      }),
      { numRuns: 100 },
    );
  });

  it('wait for their interval, even for the longest', async () => {
    const endpoint = endpointOf('a');
    const { checks } = setUp([endpoint], { intervalMs: 2 ** 31 - 1 }, () => 0.999);
    await clock.tickAsync(60_000);
    assert.equal(endpoint.asked, 1);
    checks[Symbol.dispose]();
  });

  it('need transports that can be asked, and options within their ranges', () => {
    const mute: Checked = { ...endpointOf('a'), transport: { call: async () => {} } };
    assert.throws(() => setUp([mute]), { name: 'TypeError', message: /askReadiness/ });
    for (const option of ['intervalMs', 'timeoutMs', 'riseAfter', 'fallAfter', 'checksMax']) {
      assert.throws(() => setUp([], { [option]: 0 }), RangeError);
    }
  });
});
