import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Call } from '../call.ts';
import { createMemoryTokenStore, type TokenStore } from '../calling/token-store.ts';
import { RpcError } from '../rpc-error.ts';
import { testCall } from '../testing.ts';
import { limitCallers } from './caller-rate-limit.ts';

const of = (name: string, address = '10.0.0.1'): Call =>
  testCall({ caller: { name, address }, answerHeaders: new Map<string, string>() });

describe('limitCallers', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });

  afterEach(() => {
    clock.restore();
  });

  const isRefused = (retryAfterMs: number) => (error: unknown) =>
    error instanceof RpcError && error.code === 'resource_exhausted' && error.retryAfterMs === retryAfterMs;

  it('refuses what a caller sends beyond its limit, at once, and serves it again an interval later', async () => {
    const refused = sinon.spy();
    const limited = limitCallers({ tokens: 2, intervalMs: 1_000, on: { refused } })(async () => 'done');
    await limited(of('a'));
    clock.tick(400);
    await limited(of('a'));
    await assert.rejects(limited(of('a')), isRefused(600));
    assert.equal(refused.callCount, 1);
    clock.tick(600);
    assert.equal(await limited(of('a')), 'done');
    await assert.rejects(limited(of('a')), isRefused(400));
  });

  it('counts every caller apart, by name and by address', async () => {
    const limited = limitCallers({ tokens: 1, intervalMs: 1_000 })(async () => 'done');
    await limited(of('a'));
    await limited(of('b'));
    await limited(of('a', '10.0.0.2'));
    await assert.rejects(limited(of('a')), isRefused(1_000));
  });

  it("reports the caller's limit in the headers of each answer", async () => {
    const limited = limitCallers({ tokens: 2, intervalMs: 10_000 })(async () => 'done');
    const calls = [of('a'), of('a'), of('a')];
    await limited(calls[0] as Call);
    clock.tick(2_500);
    await limited(calls[1] as Call);
    await assert.rejects(limited(calls[2] as Call));
    assert.deepEqual(
      calls.map(({ answerHeaders }) => Object.fromEntries(answerHeaders ?? [])),
      [
        { 'ratelimit-policy': '"caller";q=2;w=10', ratelimit: '"caller";r=1;t=0' },
        { 'ratelimit-policy': '"caller";q=2;w=10', ratelimit: '"caller";r=0;t=8' },
        { 'ratelimit-policy': '"caller";q=2;w=10', ratelimit: '"caller";r=0;t=8' },
      ],
    );
  });

  it('evicts the caller that has not called for longest when there are too many', async () => {
    const limited = limitCallers({ tokens: 1, intervalMs: 1_000, callersMax: 2 })(async () => 'done');
    await limited(of('a'));
    await limited(of('b'));
    await assert.rejects(limited(of('a')), isRefused(1_000));
    await limited(of('c'));
    await assert.rejects(limited(of('a')), isRefused(1_000));
    assert.equal(await limited(of('b')), 'done');
  });

  it('works without headers to set, and with another identification of callers', async () => {
    const callerOf = ({ caller }: Call) => caller.authorization ?? 'anonymous';
    const limited = limitCallers({ tokens: 1, intervalMs: 1_000, callerOf })(async () => 'done');
    await limited(testCall());
    await assert.rejects(limited(testCall()), isRefused(1_000));
    assert.equal(await limited(testCall({ caller: { authorization: 'Bearer a' } })), 'done');
  });

  describe('shared by replicas', () => {
    const limit = { tokens: 4, intervalMs: 10_000 };

    it('counts what a caller sends to all of them', async () => {
      const shared = { store: createMemoryTokenStore(), name: 'all' };
      const replicas = [1, 2, 3].map(() => limitCallers({ ...limit, shared })(async () => 'done'));
      const calls = Array.from({ length: 9 }, (_, index) => replicas[index % 3]?.(of('a')));
      const outcomes = await Promise.allSettled(calls);
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 4);
      assert.equal(await replicas[0]?.(of('b')), 'done');
    });

    it('says in the headers what this replica has left, and refuses with the pause of the store', async () => {
      const shared = { store: createMemoryTokenStore(), name: 'all' };
      const limited = limitCallers({ tokens: 1, intervalMs: 10_000, shared })(async () => 'done');
      await limited(of('a'));
      const call = of('a');
      await assert.rejects(limited(call), isRefused(10_000));
      assert.equal(call.answerHeaders?.get('ratelimit'), '"caller";r=0;t=10');
    });

    it('keeps the names of buckets short, however long that of a caller is', async () => {
      const names: string[] = [];
      const store: TokenStore = {
        async lease({ bucket }) {
          names.push(bucket);
          return { granted: 1, retryAfterMs: 0 };
        },
      };
      await limitCallers({ ...limit, shared: { store, name: 'all' } })(async () => 'done')(of('x'.repeat(9_000)));
      assert.deepEqual(
        names.map(({ length }) => length),
        [200],
      );
    });
  });
});
