import { randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFolder } from 'service-kit/create-folder';
import { isBeginOfHeader, parseEventID, parseHeader, toHeader, toLine } from './line.ts';
import { lockJournal } from './lock.ts';
import type { Journal } from './write-journal.ts';

export interface JournalFile extends Journal, AsyncDisposable {
  readonly path: string;
}

/** A header has 64 bytes; a longer first line is not a header. */
const HEADER_BYTES_MAX = 256;
/** The end of a file is read backwards in steps of this many bytes, some hundred lines. */
const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;

/**
 * Opens or creates a journal, and locks it against all other processes.
 * @throws {JournalInUse}
 */
export async function openJournalFile(path: string, options?: { readonly waitMs?: number }): Promise<JournalFile> {
  await using resources = new AsyncDisposableStack();
  await orRefuse(path, async () => createFolder(dirname(path)));
  resources.use(await lockJournal(path, options));
  const file = resources.use(await orRefuse(path, () => open(path, 'a+')));
  const id = await readOrCreateHeader(file, path);
  const owned = resources.move();
  /** The bytes that are known to be on the disk; unknown at first, because the previous writer may have died. */
  let durableBytes: number | undefined;

  return {
    id,
    path,
    async append(notifications) {
      if (durableBytes === undefined) throw new Error('The journal must be repaired before the first write.');
      const journaledAt = new Date();
      const bytes = Buffer.from(notifications.map((notification) => toLine(notification, journaledAt)).join(''));
      await file.appendFile(bytes);
      await file.datasync();
      durableBytes += bytes.byteLength;
    },

    async repair(linesMax) {
      // Bytes of a failed write may be readable and still never reach the disk, so they are cut off.
      if (durableBytes !== undefined) await file.truncate(durableBytes);
      const { lines, wholeBytes } = await readTail(file, linesMax);
      await file.truncate(wholeBytes);
      await file.datasync();
      durableBytes = wholeBytes;
      return new Set(lines.flatMap((line) => parseEventID(line) ?? []));
    },

    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function orRefuse<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(`${path} cannot be opened (${code}): set JOURNAL_FILE to a file that can be written.`, { cause });
  }
}

/** @returns the id in the first line; `undefined` if the file is not a journal */
export async function readJournalID(path: string): Promise<string | undefined> {
  await using file = await open(path, 'r');
  return parseHeader((await readFirstLine(file)).line ?? '');
}

async function readOrCreateHeader(file: FileHandle, path: string): Promise<string> {
  const { line, bytes } = await readFirstLine(file);
  const known = line === undefined ? undefined : parseHeader(line);
  if (known !== undefined) return known;
  // An incomplete header may be replaced: this journal has no claims yet. Any other text belongs to somebody else.
  if (line !== undefined || !isBeginOfHeader(bytes)) {
    const message = `${path} is not a journal of notifications: set JOURNAL_FILE to another file.`;
    throw new Error(message, { cause: 'no header' });
  }
  await file.truncate(0);
  const id = randomUUID();
  await file.appendFile(toHeader(id));
  await file.datasync();
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
  return id;
}

interface FirstLine {
  /** Missing where the line has no end. */
  readonly line: string | undefined;
  /** The first bytes of the file. */
  readonly bytes: Buffer;
}

async function readFirstLine(file: FileHandle): Promise<FirstLine> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES_MAX), 0, HEADER_BYTES_MAX, 0);
  const bytes = buffer.subarray(0, bytesRead);
  const end = bytes.indexOf(NEWLINE);
  return { line: end < 0 ? undefined : bytes.toString('utf8', 0, end), bytes };
}

/** The last complete lines, at most `linesMax`, and the offset behind them. The header counts as a line. */
async function readTail(file: FileHandle, linesMax: number) {
  const { size } = await file.stat();
  let tail: Buffer = Buffer.alloc(0);
  let from = size;
  // One newline more than lines: the one before the first of them.
  while (from > 0 && countNewlines(tail) <= linesMax) {
    const length = Math.min(CHUNK_BYTES, from);
    from -= length;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
    tail = Buffer.concat([buffer.subarray(0, bytesRead), tail]);
  }
  const wholeBytes = from + tail.lastIndexOf(NEWLINE) + 1;
  const lines = tail
    .toString('utf8', 0, tail.lastIndexOf(NEWLINE) + 1)
    .split('\n')
    .slice(0, -1);
  return { lines: linesMax === 0 ? [] : lines.slice(-linesMax), wholeBytes };
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
