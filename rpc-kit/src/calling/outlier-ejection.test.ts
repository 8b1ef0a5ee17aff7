import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import {
  createEjectionRecord,
  createOutlierEjection,
  type EjectionRecord,
  type OutlierEjectionOptions,
} from './outlier-ejection.ts';

interface Member extends EjectionRecord {
  readonly name: string;
}

describe('outlier ejection', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => clock.restore());

  const options = { failuresMax: 3, ejectionMs: 1_000, ejectionMaxMs: 4_000, ejectedShareMax: 0.5 };

  function setUp(count: number, given: Partial<OutlierEjectionOptions> = {}) {
    const log: string[] = [];
    const members: Member[] = Array.from({ length: count }, (_, index) => ({
      ...createEjectionRecord(),
      name: 'abcdefgh'[index] as string,
    }));
    const ejection = createOutlierEjection<Member, string>({ ...options, ...given }, () => members, {
      eject: ({ member, cause, times, forMs }) => log.push(`${member.name} out for ${forMs} (${times}, ${cause})`),
      readmit: (member) => log.push(`${member.name} back`),
    });
    const fail = (index: number, times = 1): void => {
      for (let each = 0; each < times; each++) ejection.failed(members[index] as Member, `call ${each + 1}`);
    };
    const succeed = (index: number): void => ejection.succeeded(members[index] as Member);
    const serving = (): string =>
      ejection
        .serving()
        .map(({ name }) => name)
        .join('');
    return { ejection, members, log, fail, succeed, serving };
  }

  it('ejects after so many failures in a row', () => {
    const { fail, succeed, serving, log } = setUp(3);
    fail(0, 2);
    succeed(0);
    fail(0, 2);
    assert.equal(serving(), 'abc');
    fail(0);
    assert.equal(serving(), 'bc');
    assert.deepEqual(log, ['a out for 1000 (1, call 1)']);
  });

  it('readmits on time', () => {
    const { fail, serving, log } = setUp(3);
    fail(0, 3);
    clock.tick(999);
    assert.equal(serving(), 'bc');
    clock.tick(1);
    assert.equal(serving(), 'abc');
    assert.deepEqual(log.slice(1), ['a back']);
  });

  it('ejects one that is back at its next failure, each time for longer, up to a bound', () => {
    const { fail, serving, log } = setUp(3);
    fail(0, 3);
    for (const forMs of [1_000, 2_000, 3_000, 4_000, 4_000]) {
      clock.tick(forMs - 1);
      assert.equal(serving(), 'bc');
      clock.tick(1);
      assert.equal(serving(), 'abc');
      fail(0);
    }
    assert.deepEqual(
      log.filter((line) => line.includes('out')).map((line) => line.match(/\d+ \(\d/)?.[0]),
      ['1000 (1', '2000 (2', '3000 (3', '4000 (4', '4000 (5', '4000 (6'],
    );
  });

  it('a success ends the probation', () => {
    const { fail, succeed, serving } = setUp(3);
    fail(0, 3);
    clock.tick(1_000);
    assert.equal(serving(), 'abc');
    succeed(0);
    fail(0, 2);
    assert.equal(serving(), 'abc');
  });

  it('starts from the first again after a long time of service', () => {
    const { fail, succeed, serving, log } = setUp(3);
    fail(0, 3);
    clock.tick(1_000);
    serving();
    succeed(0);
    clock.tick(4_001);
    fail(0, 3);
    assert.equal(log.at(-1), 'a out for 1000 (1, call 3)');
  });

  for (const [count, max] of [
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 3],
  ] as const) {
    it(`ejects at most ${max} of ${count}`, () => {
      const { members, fail, succeed, serving } = setUp(count);
      for (let index = 0; index < count - 1; index++) fail(index, 30);
      succeed(count - 1);
      assert.equal(members.filter(({ health }) => health.name === 'ejected').length, max);
      assert.equal(serving().length, count - max);
    });
  }

  it('never ejects the last one, whatever the share', () => {
    const { fail, serving } = setUp(2, { ejectedShareMax: 1 });
    fail(0, 3);
    fail(1, 2);
    assert.equal(serving(), 'b');
  });

  it('when the last one fails too, it changes places with the one that has been out longest', () => {
    const { fail, serving, log } = setUp(2);
    fail(0, 3);
    clock.tick(100);
    fail(1, 3);
    assert.equal(serving(), 'a');
    assert.deepEqual(log.slice(1), ['b out for 1000 (1, call 3)', 'a back']);
    fail(0);
    assert.equal(serving(), 'b');
  });

  it('counts no ejection that was cut short, so failures of all of them eject none for longer', () => {
    const { fail, serving, members } = setUp(2);
    for (let each = 0; each < 100; each++) for (const index of [0, 1]) fail(index, 3);
    assert.ok(serving().length === 1 && members.every(({ times }) => times <= 1));
    clock.tick(1_000);
    assert.equal(serving(), 'ab');
  });

  it('refuses options outside their ranges', () => {
    for (const wrong of [
      { failuresMax: 0 },
      { failuresMax: Number.NaN },
      { ejectionMs: Number.NaN },
      { ejectionMaxMs: Number.POSITIVE_INFINITY },
      { ejectedShareMax: Number.NaN },
      { ejectedShareMax: 1.1 },
    ]) {
      assert.throws(() => setUp(2, wrong), RangeError);
    }
  });

  it('does not change places as long as another one serves well', () => {
    const { fail, succeed, serving } = setUp(4);
    fail(0, 3);
    fail(1, 3);
    succeed(3);
    fail(2, 30);
    assert.equal(serving(), 'cd');
  });

  it('ignores calls that were in flight when it was ejected', () => {
    const { fail, succeed, serving, log } = setUp(3);
    fail(0, 3);
    fail(0, 3);
    succeed(0);
    assert.equal(serving(), 'bc');
    assert.equal(log.length, 1);
  });

  it('ignores failures of one that has left', () => {
    const { ejection, members, log } = setUp(3);
    const [gone] = members.splice(0, 1);
    for (let each = 0; each < 3; each++) ejection.failed(gone as Member, 'late');
    assert.deepEqual(log, []);
  });

  it('readmits the longest out when too few are left', () => {
    const { ejection, members, fail, serving } = setUp(4);
    fail(0, 3);
    clock.tick(10);
    fail(1, 3);
    members.splice(2, 2);
    ejection.rebalance();
    assert.equal(serving(), 'a');
    members.splice(0, 1);
    ejection.rebalance();
    assert.equal(serving(), 'b');
  });

  it('in any run some serve, and no more are out than may be', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ fail: fc.nat(7) }) },
      { weight: 2, arbitrary: fc.record({ succeed: fc.nat(7) }) },
      { weight: 1, arbitrary: fc.record({ waitMs: fc.nat(3_000) }) },
      { weight: 1, arbitrary: fc.record({ leave: fc.nat(7) }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 200 }), (count, steps) => {
        const { ejection, members } = setUp(count);
        for (const taken of steps) {
          if ('waitMs' in taken) clock.tick(taken.waitMs);
          else if ('leave' in taken) {
            if (members.length > 1) members.splice(taken.leave % members.length, 1);
            ejection.rebalance();
          } else if ('fail' in taken) ejection.failed(members[taken.fail % members.length] as Member, '');
          else ejection.succeeded(members[taken.succeed % members.length] as Member);
          const out = members.filter(({ health }) => health.name === 'ejected');
          assert.ok(out.length < members.length, 'all are out');
          assert.ok(out.length <= Math.ceil(members.length / 2), 'too many are out');
          for (const { health } of out) {
            assert.ok(health.name === 'ejected' && health.untilAt <= performance.now() + options.ejectionMaxMs);
          }
          for (const member of ejection.serving()) assert.equal(member.health.name, 'serving');
        }
        clock.tick(options.ejectionMaxMs);
        assert.equal(ejection.serving().length, members.length);
      }),
    );
  });
});
