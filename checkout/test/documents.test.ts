import { createTestDatabase, itKeepsItsDocuments, type TestDatabase } from 'testing';
import { type RunningCheckout, startCheckout } from './checkout-fixture.ts';

describe('checkout', () => {
  let testDatabase: TestDatabase;
  let running: RunningCheckout;

  before(async () => {
    testDatabase = await createTestDatabase('checkout');
    running = await startCheckout(testDatabase.url);
  });

  after(async () => {
    await running?.[Symbol.asyncDispose]();
    await testDatabase?.[Symbol.asyncDispose]();
  });

  itKeepsItsDocuments({ url: () => running.url });
});
