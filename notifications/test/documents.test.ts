import { createTestDatabase, itKeepsItsDocuments, type TestDatabase } from 'testing';
import { type RunningService, startService } from './running-service.ts';

describe('notifications', () => {
  let testDatabase: TestDatabase;
  let running: RunningService;

  before(async () => {
    testDatabase = await createTestDatabase('notifications');
    running = await startService(testDatabase.url);
  });

  after(async () => {
    await running?.[Symbol.asyncDispose]();
    await testDatabase?.[Symbol.asyncDispose]();
  });

  // A period has to end after it begins, and a cursor has to be one that history gave.
  itKeepsItsDocuments({ url: () => running.url, ruledByWords: ['history'] });
});
