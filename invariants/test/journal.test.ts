import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JournalError, loadJournals } from '../src/index.ts';

const HEADER = '{"journal":"7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01","version":1}\n';

function lineOf(orderID: bigint, seq: number, second: number): string {
  return `{"orderID":${orderID},"seq":${seq},"journaledAt":"2026-11-20T09:00:0${second}.000Z"}\n`;
}

describe('loadJournals', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'order-mesh-journals-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('reads all journals of a folder by time, with every digit, and keeps the order within a file', async () => {
    const order = 2n ** 63n - 1n;
    await writeFile(join(folder, 'b.jsonl'), HEADER + lineOf(order, 1, 1) + lineOf(order, 4, 3) + lineOf(order, 3, 3));
    await writeFile(join(folder, 'a.jsonl'), HEADER + lineOf(order, 2, 2));
    await writeFile(join(folder, 'a.jsonl.lock'), '');
    const deliveries = await loadJournals(folder);
    assert.deepEqual(
      deliveries.map(({ orderID, seq }) => [orderID, seq]),
      [1, 2, 4, 3].map((seq) => [order, seq]),
    );
  });

  const mistakes = {
    'a line that is not whole': HEADER + lineOf(1n, 1, 1).slice(0, -1),
    'a line without a notification': `${HEADER}{"seq":1}\n`,
    'a line that is no JSON': `${HEADER}{"orderID":\n`,
  };
  for (const [what, text] of Object.entries(mistakes)) {
    it(`refuses ${what}, and names the file`, async () => {
      await writeFile(join(folder, 'a.jsonl'), text);
      await assert.rejects(loadJournals(folder), (error) => {
        assert.ok(error instanceof JournalError);
        assert.match(error.message, /a\.jsonl/);
        return true;
      });
    });
  }
});
