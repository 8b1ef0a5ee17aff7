import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Call } from '../call.ts';
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
});
