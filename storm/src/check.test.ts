import assert from 'node:assert/strict';
import type { StockWatch } from 'invariants';
import { Failure, type RunningMesh } from 'mesh';
import { checkMesh } from './check.ts';

/** Nothing listens there: port 1 is reserved, and no user's program can take it. */
const STOPPED = 'postgres://loms:secret@127.0.0.1:1/loms';

describe('The check after a storm', () => {
  it('says in one line what to do when the mesh stopped under the load, and keeps the history usable', async () => {
    const mesh = { databaseUrls: { loms: STOPPED }, journals: '/tmp', logs: '/tmp' } as unknown as RunningMesh;
    const watching = Promise.resolve({} as StockWatch);
    const checking = checkMesh({
      mesh,
      historyPath: '/var/storm.jsonl',
      watching,
      secrets: [],
      paymentTimeoutMs: 1,
      say: () => {},
    });
    await assert.rejects(checking, (error) => {
      assert.ok(error instanceof Failure, String(error));
      assert.match(
        error.message,
        /databases .* do not answer.* run make check-invariants HISTORY=\/var\/storm\.jsonl\.$/,
      );
      return true;
    });
  });
});
