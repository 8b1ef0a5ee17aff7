import { write, writeSync } from 'node:fs';

/** Lines are written together from this many characters on: a write costs as much as ten lines. */
const PAGE_LENGTH = 4_096;
/** What has not become a page by then is written all the same. */
const PAGE_WAIT_MS = 100;
/** Whoever should read has stopped; lines beyond this are dropped before they take the memory of the calls. */
const UNWRITTEN_MAX = 16 * 1024 * 1024;
/** How long to wait where a pipe is full. */
const FULL_PAUSE_MS = 5;
/** Tries at the last lines of a process. */
const LAST_TRIES_MAX = 50;

interface LogPages {
  write(line: string): void;
}

/** All loggers of a process write into the same pages, so their lines stay in order. */
const opened = new Map<number, LogPages>();

/**
 * Where a logger writes its lines to: some at a time, and without waiting for it. What is left is written when the process
 * ends, unless it is killed. When nobody reads any more (EPIPE), lines are thrown away.
 *
 * pino's own buffer (`minLength`) is not used: at the end of a process whose reader has gone it tries to write for ever.
 */
export function openLogPages(fd: number): LogPages {
  const pages = opened.get(fd) ?? createLogPages(fd);
  opened.set(fd, pages);
  return pages;
}

function createLogPages(fd: number): LogPages {
  let page = '';
  let state: 'idle' | 'writing' | 'broken' = 'idle';

  function turnPage(): void {
    if (state !== 'idle' || page === '') return;
    state = 'writing';
    writeOn(Buffer.from(page));
    page = '';
  }

  function writeOn(left: Buffer): void {
    write(fd, left, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(writeOn, FULL_PAUSE_MS, left);
      else if (error) state = 'broken';
      else if (written < left.length) writeOn(left.subarray(written));
      else {
        state = 'idle';
        if (page.length >= PAGE_LENGTH) turnPage();
      }
    });
  }

  setInterval(turnPage, PAGE_WAIT_MS).unref();
  process.once('exit', () => state !== 'broken' && writeLast(fd, Buffer.from(page)));
  return {
    write(line) {
      if (state === 'broken' || page.length >= UNWRITTEN_MAX) return;
      page += line;
      if (page.length >= PAGE_LENGTH) turnPage();
    },
  };
}

/** There are no more turns of the event loop, so it is written at once, or not at all. */
function writeLast(fd: number, text: Buffer): void {
  let left = text;
  for (let tries = 0; left.length > 0 && tries < LAST_TRIES_MAX; tries++) {
    try {
      left = left.subarray(writeSync(fd, left));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PAUSE_MS);
    }
  }
}
