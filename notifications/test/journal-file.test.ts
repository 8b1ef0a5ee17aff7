import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Notification } from '../src/domain/ports.ts';
import { openJournalFile } from '../src/journal/file.ts';
import { findJournal } from '../src/journal/folder.ts';
import { createEvent } from './order-events.ts';

describe('A journal file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'order-mesh-journal-'));
    path = join(folder, 'journal.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true }));

  function createNotification(given: Partial<Notification> = {}): Notification {
    return { ...createEvent(), text: 'Order 1 was received.', ...given };
  }

  const linesOf = async () => (await readFile(path, 'utf8')).split('\n');

  it('begins with its id and has a line for each notification, with every digit', async () => {
    const notification = createNotification({ orderID: 2n ** 63n - 1n, user: -(2n ** 63n) });
    await using journal = await openJournalFile(path);
    await journal.repair(0);
    await journal.append([notification]);
    const [header = '', line = '', end] = await linesOf();
    assert.deepEqual(JSON.parse(header), { journal: journal.id, version: 1 });
    const { eventID, seq, status, at, text } = notification;
    const start = `{"eventID":"${eventID}","orderID":9223372036854775807,"seq":${seq},"user":-9223372036854775808,`;
    assert.ok(
      line.startsWith(`${start}"status":"${status}","at":"${at.toISOString()}","text":"${text}","journaledAt":"`),
    );
    assert.ok(Date.parse(JSON.parse(line).journaledAt) > 0);
    assert.equal(end, '');
  });

  it('is the same journal after it was closed, also under another name', async () => {
    const id = await openJournalFile(path).then(async (journal) => {
      await journal[Symbol.asyncDispose]();
      return journal.id;
    });
    await rename(path, join(folder, 'renamed.jsonl'));
    await using journal = await openJournalFile(join(folder, 'renamed.jsonl'));
    assert.equal(journal.id, id);
  });

  it('truncates an incomplete last line, and returns the lines before it', async () => {
    const notifications = Array.from({ length: 300 }, () => createNotification());
    {
      await using journal = await openJournalFile(path);
      await journal.repair(0);
      await journal.append(notifications);
    }
    const whole = await readFile(path, 'utf8');
    await appendFile(path, whole.split('\n')[1]?.slice(0, 40) ?? '');
    await using journal = await openJournalFile(path);
    const last = notifications.slice(-200).map(({ eventID }) => eventID);
    assert.deepEqual([...(await journal.repair(200))], last);
    assert.equal(await readFile(path, 'utf8'), whole);
  });

  it('continues after a line torn at any byte', async () => {
    const [first, second] = [createNotification(), createNotification()];
    let whole = 0;
    let header = 0;
    {
      await using journal = await openJournalFile(path);
      header = (await readFile(path)).byteLength;
      await journal.repair(0);
      await journal.append([first]);
      whole = (await readFile(path)).byteLength;
    }
    const bytes = await readFile(path);
    for (let size = whole; size >= header; size -= 7) {
      await writeFile(path, bytes);
      await truncate(path, size);
      await using journal = await openJournalFile(path);
      const written = await journal.repair(1);
      assert.equal(written.has(first.eventID), size === whole);
      await journal.append([second]);
      const eventIDs = (await linesOf()).slice(1, -1).map((line) => JSON.parse(line).eventID);
      assert.deepEqual(eventIDs, size === whole ? [first.eventID, second.eventID] : [second.eventID]);
    }
  });

  it('replaces an incomplete first line', async () => {
    await writeFile(path, '{"journal":"7f0c');
    await using journal = await openJournalFile(path);
    assert.deepEqual(JSON.parse((await linesOf())[0] ?? ''), { journal: journal.id, version: 1 });
  });

  it('refuses a file that is not a journal, and does not change it', async () => {
    const foreign = [
      'a foreign text\n',
      'a secret without an end',
      'x'.repeat(500),
      '{"journal":"mine","version":1}\n',
    ];
    for (const text of foreign) {
      await writeFile(path, text);
      await assert.rejects(
        openJournalFile(path),
        /is not a journal of notifications: set JOURNAL_FILE to another file/,
      );
      assert.equal(await readFile(path, 'utf8'), text);
    }
  });

  it('is refused in a sentence that names the variable where its lock cannot be created', async () => {
    // Longer than any file system takes.
    const path = join(folder, 'x'.repeat(300));
    await assert.rejects(openJournalFile(path), {
      message: `${path}.lock cannot be created: JOURNAL_FILE has to be in a folder that can be written.`,
    });
  });

  it('is refused in a sentence that names the variable where it is a folder, or lies below a file', async () => {
    await writeFile(path, '');
    for (const [wrong, code] of [
      [folder, 'EISDIR'],
      [join(path, 'new', 'journal.jsonl'), 'EEXIST'],
    ] as const) {
      await assert.rejects(openJournalFile(wrong), {
        message: `${wrong} cannot be opened (${code}): set JOURNAL_FILE to a file that can be written.`,
      });
    }
  });

  it('is open in one process at a time, and names the reason', async () => {
    const journal = await openJournalFile(path);
    await assert.rejects(
      openJournalFile(path, { waitMs: 0 }),
      /is being written by another process: each replica needs a JOURNAL_FILE of its own/,
    );
    assert.equal(await findJournal(join(folder, 'other.jsonl'), journal.id), 'in use');
    const waiting = openJournalFile(path);
    await journal[Symbol.asyncDispose]();
    await (await waiting)[Symbol.asyncDispose]();
  });

  it('is found by its id among the files beside another', async () => {
    const { id } = await openJournalFile(path).then(async (journal) => {
      await journal[Symbol.asyncDispose]();
      return journal;
    });
    await writeFile(join(folder, 'no journal.jsonl'), 'something else');
    const found = await findJournal(join(folder, 'other.jsonl'), id);
    assert.ok(typeof found === 'object');
    assert.equal(found.path, path);
    await found[Symbol.asyncDispose]();
    assert.equal(await findJournal(path, '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01'), 'missing');
  });
});
