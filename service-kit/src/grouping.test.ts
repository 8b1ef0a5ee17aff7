import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { logScope, RpcError, runInLogScope } from 'rpc-kit';
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
  };
  return { runs, run, namesOf, end };
}

describe('Grouping', () => {
  it('runs a lone item at once, and those that arrive meanwhile together afterwards', async () => {
    const { run, namesOf, end } = openGrouping();
    const outcomes = ['a', 'b', 'c'].map((name) => run(name));
    assert.deepEqual(namesOf(), ['a']);
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'b c']);
    await end(1);
    assert.deepEqual(await Promise.all(outcomes), ['a done', 'b done', 'c done']);
    run('d');
    assert.deepEqual(namesOf(), ['a', 'b c', 'd']);
  });

  it('runs as many groups at once as it has lanes, and no group larger than allowed', async () => {
    const { run, namesOf, end } = openGrouping({ lanes: 2, groupMax: 2 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) run(name);
    assert.deepEqual(namesOf(), ['a', 'b']);
    await end(1);
    assert.deepEqual(namesOf(), ['a', 'b', 'c d']);
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'b', 'c d', 'e']);
  });

  it('keeps items of one tag in one lane, while items of other tags go on', async () => {
    const { run, namesOf, end } = openGrouping({ lanes: 2 });
    run('a', { tags: ['hot'] });
    run('b', { tags: ['hot', 'cold'] });
    run('c', { tags: ['warm'] });
    run('d', { tags: ['hot'] });
    assert.deepEqual(namesOf(), ['a', 'c']);
    await end(1);
    run('e', { tags: ['warm'] });
    assert.deepEqual(namesOf(), ['a', 'c', 'e']);
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'c', 'e', 'b d']);
  });

  it('runs items with the same key one after the other, and others with each of them', async () => {
    const { run, namesOf, end } = openGrouping({ lanes: 2 });
    run('a', { tags: ['x'] });
    run('b', { tags: ['y'] });
    run('c', { key: 'k', tags: ['x'] });
    run('d', { key: 'k', tags: ['y'] });
    run('e', { key: 'l', tags: ['x'] });
    await end(0);
    await end(1);
    assert.deepEqual(namesOf(), ['a', 'b', 'c e']);
    await end(2);
    assert.deepEqual(namesOf(), ['a', 'b', 'c e', 'd']);
  });

  it('lets no younger item take the tags for which the oldest one waits', async () => {
    const { run, namesOf, end } = openGrouping({ lanes: 2 });
    run('a', { tags: ['x'] });
    run('b', { tags: ['y'] });
    run('both', { tags: ['x', 'y'] });
    run('c', { tags: ['x'] });
    run('d', { tags: ['y'] });
    await end(0);
    assert.deepEqual(namesOf(), ['a', 'b']);
    await end(1);
    assert.deepEqual(namesOf(), ['a', 'b', 'both c d']);
  });

  it('never runs an item whose caller left before its turn', async () => {
    const { run, namesOf, end } = openGrouping();
    const leaver = new AbortController();
    run('a');
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
    const { runs, run, end } = openGrouping();
    const leaver = new AbortController();
    run('a');
    const left = run('b', { signal: leaver.signal });
    const stays = run('c');
    await end(0);
    leaver.abort(new Error('the caller left'));
    await assert.rejects(left, /the caller left/);
    assert.equal(runs[1]?.signal.aborted, false);
    await end(1);
    assert.equal(await stays, 'c done');
  });

  it('aborts a group that all callers have left, with the reason of the last one', async () => {
    const { runs, run, end } = openGrouping();
    const leavers = [new AbortController(), new AbortController()];
    run('a');
    for (const { signal } of leavers) run('b', { signal });
    await end(0);
    for (const [index, leaver] of leavers.entries()) leaver.abort(new Error(`caller ${index} left`));
    assert.equal(runs[1]?.signal.aborted, true);
    assert.match(String(runs[1]?.signal.reason), /caller 1 left/);
  });

  it('refuses an item when too many wait, and accepts the next one when there is room', async () => {
    const { run, end } = openGrouping({ waitingMax: 2 });
    const outcomes = ['a', 'b', 'c'].map((name) => run(name));
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
    const outcomes = await Promise.allSettled(
      ['first', 'a', 'b', 'c', 'd', 'e'].map((name) => grouping.run(name, never)),
    );
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason)),
      ['first', 'a', 'b', FAULT, 'd', 'e'],
    );
    assert.deepEqual(runs, ['first', 'a b c d e', 'a b c', 'a b', 'c', 'd e']);
  });

  it('fails all items of a group by an error that is no fault of one of them, once', async () => {
    const { run, namesOf, end } = openGrouping();
    run('a');
    const outcomes = ['b', 'c'].map((name) => run(name));
    await end(0);
    const failure = new Error('the database is not available');
    await end(1, failure);
    for (const outcome of outcomes) await assert.rejects(outcome, failure);
    run('d');
    assert.deepEqual(namesOf(), ['a', 'b c', 'd']);
  });

  it('runs a group in the scope of its own oldest call, whichever group ran before', async () => {
    const { runs, run, end } = openGrouping();
    for (const name of ['a', 'b', 'c']) runInLogScope({ request_id: name }, () => run(name));
    await end(0);
    assert.deepEqual(
      runs.map(({ requestId }) => requestId),
      ['a', 'b'],
    );
  });
});
