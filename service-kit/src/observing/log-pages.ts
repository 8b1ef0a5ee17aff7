import { writeSync } from 'node:fs';

/** Bytes of a page: a write costs as much as dozens of lines. */
const PAGE_LENGTH = 65_536;
/** UTF-8 needs at most this many bytes for one character of a JavaScript string. */
const BYTES_PER_CHARACTER_MAX = 3;
/** Holds a page and its last line; only longer lines are written from a buffer of their own. */
const PAGE_BYTES = PAGE_LENGTH + 8_192 * BYTES_PER_CHARACTER_MAX;
/** A page that is not full is written after this time. */
const PAGE_WAIT_MS = 100;
/** The reader has stalled: further lines are dropped before they use up the memory of the process. */
const UNWRITTEN_MAX = 16 * 1024 * 1024;
/** Pause before the next write to a full pipe. */
const FULL_PAUSE_MS = 5;
/** Attempts to write the last lines of a process. */
const LAST_TRIES_MAX = 50;

interface LogPages {
  write(line: string): void;
}

/** All loggers of a process write into the same pages, so their lines stay in order. */
const opened = new Map<number, LogPages>();

/**
 * Buffers log lines and writes them in pages. The write is synchronous, as pino's own: another thread costs more. A full pipe does not
 * block, because `process.stdout` sets O_NONBLOCK; it is tried again later. The last page is written when the process exits, unless it is
 * killed. After the reader has closed the pipe (EPIPE), lines are dropped.
 *
 * pino's own buffer (`minLength`) is not used: if the reader has gone, it retries for ever when the process exits.
 */
export function openLogPages(fd: number): LogPages {
  const pages = opened.get(fd) ?? createLogPages(fd);
  opened.set(fd, pages);
  return pages;
}

function createLogPages(fd: number): LogPages {
  // Lines become bytes at once: as text they would outlive collections of garbage, which would copy them.
  const page = Buffer.allocUnsafeSlow(PAGE_BYTES);
  let length = 0;
  let isDue = false;
  let state: 'idle' | 'full' | 'broken' = 'idle';
  /** The rest of what a full pipe had no room for, and the lines after it. */
  let unwritten: Buffer = page;
  let waiting = '';

  function add(text: string): void {
    const bytesMax = text.length * BYTES_PER_CHARACTER_MAX;
    if (bytesMax > page.length - length) turnPage();
    if (state === 'full') waiting += text;
    else if (bytesMax > page.length) writeOn(Buffer.from(text));
    else length += page.write(text, length);
    if (length >= PAGE_LENGTH) turnPage();
    else if (length > 0) turnPageSoon();
  }

  function turnPage(): void {
    if (state !== 'idle' || length === 0) return;
    const bytes = page.subarray(0, length);
    length = 0;
    writeOn(bytes);
  }

  function writeOn(bytes: Buffer): void {
    let left = bytes;
    try {
      while (left.length > 0) left = left.subarray(writeSync(fd, left));
    } catch (error) {
      state = (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'full' : 'broken';
      unwritten = left;
      if (state === 'full') setTimeout(writeRest, FULL_PAUSE_MS);
    }
  }

  function writeRest(): void {
    state = 'idle';
    writeOn(unwritten);
    if (state !== 'idle') return;
    const text = waiting;
    waiting = '';
    add(text);
  }

  /** A timer runs only while there is a page, so an idle process is not woken. */
  function turnPageSoon(): void {
    if (isDue) return;
    isDue = true;
    const turn = (): void => {
      isDue = false;
      turnPage();
    };
    setTimeout(turn, PAGE_WAIT_MS).unref();
  }

  process.once('exit', () => {
    if (state === 'full') writeLast(fd, unwritten);
    if (state !== 'broken') writeLast(fd, Buffer.concat([page.subarray(0, length), Buffer.from(waiting)]));
  });
  return {
    write(line) {
      if (state === 'broken' || waiting.length >= UNWRITTEN_MAX) return;
      if (state === 'full') waiting += line;
      else add(line);
    },
  };
}

/** At exit the event loop has ended, so the page is written synchronously. */
function writeLast(fd: number, text: Buffer): void {
  let left = text;
  for (let tries = 0; left.length > 0 && tries < LAST_TRIES_MAX; tries++) {
    try {
      left = left.subarray(writeSync(fd, left));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      pause();
    }
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PAUSE_MS);
}
