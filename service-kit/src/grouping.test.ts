import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { type Span, trace } from '@opentelemetry/api';
import { RpcError } from 'rpc-kit';
import { logScope, runInLogScope } from 'rpc-kit/logging';
import sinon from 'sinon';
import { createGrouping, type GroupingOptions } from './grouping.ts';

interface Item {
  readonly name: string;
  readonly key?: string;
  readonly tags?: readonly string[];
}

interface Run {
  readonly names: readonly string[];
  readonly signal: AbortSignal;
  readonly requestId: string | undefined;
  finish(): void;
  fail(error: unknown): void;
}

const FAULT = new Error('a constraint is violated');
const { signal: never } = new AbortController();

/** A grouping whose groups end when the test ends them. */
function openGrouping(options: Partial<GroupingOptions<Item, string>> = {}) {
  const runs: Run[] = [];
  const grouping = createGrouping<Item, string>({
    lanes: 1,
    slowMs: 100,
    slowMax: 1,
    groupMax: 10,
    waitingMax: 100,
    tagsOf: ({ tags = [] }) => tags,
    keyOf: ({ key }) => key,
    isFaultOfItem: (error) => error === FAULT,
    run(items, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<string[]>();
      const names = items.map(({ name }) => name);
      runs.push({
        names,
        signal,
        requestId: logScope().request_id,
        finish: () => resolve(names.map((name) => `${name} done`)),
        fail: reject,
      });
      return promise;
    },
    ...options,
  });
  const run = (name: string, { signal = never, ...item }: Omit<Item, 'name'> & { signal?: AbortSignal } = {}) => {
    const outcome = grouping.run({ name, ...item }, signal);
    outcome.catch(() => {});
    return outcome;
  };
  const namesOf = () => runs.map(({ names }) => names.join(' '));
  /** Ends the group of this number, and lets the next one begin. */
  const end = async (index: number, error?: unknown): Promise<void> => {
    const group = runs[index];
    assert.ok(group, `group ${index} has begun`);
    if (error) group.fail(error);
    else group.finish();
    await turn();
    await turn();
  };
  /** Lets the items that have arrived begin. */
  const begin = async (...args: Parameters<typeof run>) => {
    const outcome = run(...args);
    await turn();
    return { outcome };
  };
  return { runs, run, begin, namesOf, end };
}

describe('Grouping', () => {
  it('runs a lone item at once, and those that arrive meanwhile together afterwards', async () => {
    const { run, begin, namesOf, end } = openGrouping();
    const { outcome: first } = await begin('a');
    const outcomes = [first, run('b')];
    const { outcome: last } = await begin('c');
    assert.deepEqual(namesOf(), ['a']);
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'b c']);
    await end(1);
    assert.deepEqual(await Promise.all([...outcomes, last]), ['a done', 'b done', 'c done']);
    await begin('d');
    assert.deepEqual(namesOf(), ['a', 'b c', 'd']);
  });

  it('runs items together that arrive in the same turn of the event loop', async () => {
    const { run, namesOf } = openGrouping();
    for (const name of ['a', 'b', 'c']) run(name);
    await turn();
    assert.deepEqual(namesOf(), ['a b c']);
  });

  it('runs as many groups at once as it has lanes, and no group larger than allowed', async () => {
    const { run, namesOf, end } = openGrouping({ lanes: 2, groupMax: 2 });
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) run(name);
    await turn();
    assert.deepEqual(namesOf(), ['a b', 'c d']);
    await end(1);
    assert.deepEqual(namesOf(), ['a b', 'c d', 'e f']);
    await end(0);
    assert.deepEqual(namesOf(), ['a b', 'c d', 'e f', 'g']);
  });

  it('keeps items of one tag in one lane, while items of other tags go on', async () => {
    const { run, begin, namesOf, end } = openGrouping({ lanes: 2 });
    await begin('a', { tags: ['hot'] });
    run('b', { tags: ['hot', 'cold'] });
    run('c', { tags: ['warm'] });
    await begin('d', { tags: ['hot'] });
    assert.deepEqual(namesOf(), ['a', 'c']);
    await end(1);
    await begin('e', { tags: ['warm'] });
    assert.deepEqual(namesOf(), ['a', 'c', 'e']);
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'c', 'e', 'b d']);
  });

  it('runs items with the same key one after the other, and others with each of them', async () => {
    const { run, namesOf, end } = openGrouping({ lanes: 2 });
    run('a', { key: 'k' });
    run('b', { key: 'k' });
    run('c', { key: 'l' });
    await turn();
    assert.deepEqual(namesOf(), ['a c']);
    await end(0);
    assert.deepEqual(namesOf(), ['a c', 'b']);
  });

  it('lets no younger item take the tags for which the oldest one waits', async () => {
    const { run, begin, namesOf, end } = openGrouping({ lanes: 2 });
    await begin('a', { tags: ['x'] });
    await begin('b', { tags: ['y'] });
    run('both', { tags: ['x', 'y'] });
    run('c', { tags: ['x'] });
    run('d', { tags: ['y'] });
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'b']);
    await end(1);
    assert.deepEqual(namesOf(), ['a', 'b', 'both c d']);
  });

  describe('with a group that runs for long', () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    });
    afterEach(() => clock.restore());

    async function passTime(ms: number): Promise<void> {
      clock.tick(ms);
      await turn();
    }

    it('goes on with items of other tags, and keeps those of its tags waiting', async () => {
      const { run, begin, namesOf, end } = openGrouping();
      await begin('stuck', { tags: ['x'] });
      run('a', { tags: ['x'] });
      run('b', { tags: ['y'] });
      await passTime(99);
      assert.deepEqual(namesOf(), ['stuck']);
      await passTime(1);
      assert.deepEqual(namesOf(), ['stuck', 'b']);
      await begin('c', { tags: ['z'] });
      await end(1);
      assert.deepEqual(namesOf(), ['stuck', 'b', 'c']);
      await end(0);
      assert.deepEqual(namesOf(), ['stuck', 'b', 'c']);
      await end(2);
      assert.deepEqual(namesOf(), ['stuck', 'b', 'c', 'a']);
    });

    it('frees the lane of a group that became slow while too many others were, once one of these has ended', async () => {
      const { run, begin, namesOf, end } = openGrouping({ slowMax: 1 });
      await begin('slow');
      await passTime(100);
      await begin('stuck');
      await passTime(100);
      run('a');
      await end(0);
      assert.deepEqual(namesOf(), ['slow', 'stuck']);
      await passTime(100);
      assert.deepEqual(namesOf(), ['slow', 'stuck', 'a']);
      await end(1);
      await end(2);
      await begin('b');
      assert.deepEqual(namesOf(), ['slow', 'stuck', 'a', 'b']);
      run('c');
      await passTime(0);
      assert.deepEqual(namesOf(), ['slow', 'stuck', 'a', 'b']);
    });

    it('runs no more groups at once than its lanes and the slow groups that are allowed', async () => {
      const { begin, namesOf, end } = openGrouping({ slowMax: 1 });
      for (const name of ['a', 'b', 'c']) {
        await begin(name);
        await passTime(100);
      }
      assert.deepEqual(namesOf(), ['a', 'b']);
      await end(0);
      assert.deepEqual(namesOf(), ['a', 'b']);
      await end(1);
      assert.deepEqual(namesOf(), ['a', 'b', 'c']);
    });
  });

  it('never runs an item whose caller left before its turn', async () => {
    const { run, begin, namesOf, end } = openGrouping();
    const leaver = new AbortController();
    await begin('a');
    const left = run('b', { signal: leaver.signal });
    run('c');
    const reason = new Error('the deadline has passed');
    leaver.abort(reason);
    await assert.rejects(left, reason);
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'c']);
    await assert.rejects(run('d', { signal: leaver.signal }), reason);
    assert.deepEqual(namesOf(), ['a', 'c']);
  });

  it('answers a caller that leaves its group at once, and goes on for the others', async () => {
    const { runs, run, begin, end } = openGrouping();
    const leaver = new AbortController();
    const left = run('a', { signal: leaver.signal });
    const { outcome: stays } = await begin('b');
    leaver.abort(new Error('the caller left'));
    await assert.rejects(left, /the caller left/);
    assert.equal(runs[0]?.signal.aborted, false);
    await end(0);
    assert.equal(await stays, 'b done');
  });

  it('aborts a group that all callers have left, with the reason of the last one', async () => {
    const { runs, run } = openGrouping();
    const leavers = [new AbortController(), new AbortController()];
    for (const { signal } of leavers) run('a', { signal });
    await turn();
    for (const [index, leaver] of leavers.entries()) leaver.abort(new Error(`caller ${index} left`));
    assert.equal(runs[0]?.signal.aborted, true);
    assert.match(String(runs[0]?.signal.reason), /caller 1 left/);
  });

  it('refuses an item when too many wait, and accepts the next one when there is room', async () => {
    const { run, begin, end } = openGrouping({ waitingMax: 2 });
    const { outcome: first } = await begin('a');
    const outcomes = [first, run('b'), run('c')];
    await assert.rejects(run('d'), (error) => error instanceof RpcError && error.code === 'unavailable');
    await end(0);
    outcomes.push(run('e'));
    await end(1);
    await end(2);
    assert.deepEqual(await Promise.all(outcomes), ['a done', 'b done', 'c done', 'e done']);
  });

  it('fails only the item whose fault failed its group', async () => {
    const bad = 'c';
    const runs: string[] = [];
    const grouping = createGrouping<string, string>({
      lanes: 1,
      slowMs: 100,
      slowMax: 1,
      groupMax: 10,
      waitingMax: 10,
      isFaultOfItem: (error) => error === FAULT,
      async run(items) {
        runs.push(items.join(' '));
        await turn();
        if (items.includes(bad)) throw FAULT;
        return items;
      },
    });
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((name) => grouping.run(name, never)));
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason)),
      ['a', 'b', FAULT, 'd', 'e'],
    );
    assert.deepEqual(runs, ['a b c d e', 'a b c', 'a b', 'c', 'd e']);
  });

  it('fails all items of a group by an error that is no fault of one of them, once', async () => {
    const { run, begin, namesOf, end } = openGrouping();
    const outcomes = [run('a'), (await begin('b')).outcome];
    const failure = new Error('the database is not available');
    await end(0, failure);
    for (const outcome of outcomes) await assert.rejects(outcome, failure);
    await begin('c');
    assert.deepEqual(namesOf(), ['a b', 'c']);
  });

  it('runs a group in the scope of its own oldest call, whichever group ran before', async () => {
    const { runs, run, end } = openGrouping({ groupMax: 2 });
    for (const name of ['a', 'b', 'c', 'd']) runInLogScope({ request_id: name }, () => run(name));
    await turn();
    await end(0);
    assert.deepEqual(
      runs.map(({ requestId }) => requestId),
      ['a', 'c'],
    );
  });

  it('runs a group in the trace of its first recorded call, to which the spans of the others have a link', async () => {
    const { runs, run } = openGrouping();
    const spans = [false, true, true].map((isRecorded, index) => ({
      isRecording: () => isRecorded,
      spanContext: () => ({ traceId: String(index), spanId: String(index), traceFlags: 1 }),
      addLink: sinon.stub(),
    }));
    const active = sinon.stub(trace, 'getActiveSpan');
    try {
      for (const [index, span] of spans.entries()) {
        active.returns(span as unknown as Span);
        runInLogScope({ request_id: `call ${index}` }, () => run(`item ${index}`));
      }
    } finally {
      active.restore();
    }
    await turn();
    assert.equal(runs[0]?.requestId, 'call 1');
    const [unrecorded, leader, other] = spans;
    sinon.assert.notCalled(leader?.addLink as sinon.SinonStub);
    for (const span of [unrecorded, other]) {
      sinon.assert.calledOnceWithExactly(span?.addLink as sinon.SinonStub, { context: leader?.spanContext() });
    }
  });
});
