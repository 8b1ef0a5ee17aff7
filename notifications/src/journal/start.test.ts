import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { FoundJournal } from './folder.ts';
import { startJournal } from './start.ts';

describe('The journal of a replica', () => {
  it('completes the journals that others left, also behind one that cannot be opened', async () => {
    const sought: string[] = [];
    const { promise: soughtAll, resolve } = Promise.withResolvers<void>();
    const journal = startJournal({
      journal: { id: 'own', append: async () => {}, repair: async () => new Set() },
      queue: {
        claim: async () => [],
        claimed: async () => [],
        acknowledge: async () => {},
        findStale: async () => ['unreadable', 'left'],
        readBacklog: async () => ({ count: 0, oldestMs: 0 }),
      },
      async find(journalID): Promise<FoundJournal> {
        sought.push(journalID);
        if (journalID === 'unreadable') throw new Error('EACCES: permission denied');
        resolve();
        return 'in use';
      },
      onDelivered() {},
      onFailure() {},
      logger: pino({ level: 'silent' }),
      registry: new Registry(),
    });
    await using _journal = journal;
    await soughtAll;
    assert.deepEqual(sought, ['unreadable', 'left']);
  });
});
