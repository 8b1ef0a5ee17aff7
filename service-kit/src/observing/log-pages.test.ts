import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const PAGES = new URL('log-pages.ts', import.meta.url).href;
/** Against hanging: a process of Node takes a tenth of a second to start. */
const TIMEOUT_MS = 60_000;

/** A process that writes lines as a logger does, and ends by the given statement. */
function writing(lines: number, ending: string, line = "'line '"): ChildProcess {
  const script = `
    const { openLogPages } = await import(${JSON.stringify(PAGES)});
    const pages = openLogPages(1);
    process.once('message', () => {
      for (let number = 1; number <= ${lines}; number++) pages.write(${line} + number + '\\n');
      ${ending}
    });
    process.send('ready');`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] });
}

async function begin(child: ChildProcess): Promise<void> {
  await once(child, 'message');
  child.send('go');
}

async function linesOf(child: ChildProcess): Promise<string[]> {
  const [written] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), begin(child)]);
  return written.trimEnd().split('\n');
}

const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}`);

describe('pages of a log', () => {
  it('are written when the process ends', async () => {
    assert.deepEqual(await linesOf(writing(3, 'process.exit();')), lines(3));
  }).timeout(TIMEOUT_MS);

  it('are written when the process crashes', async () => {
    assert.deepEqual(await linesOf(writing(3, "throw new Error('a mistake');")), lines(3));
  }).timeout(TIMEOUT_MS);

  it('are written shortly while it runs, completely and in order', async () => {
    const untilWritten = `process.once('message', () => process.exit());`;
    const child = writing(2_000, untilWritten);
    let written = '';
    child.stdout?.on('data', (chunk) => {
      written += chunk;
      if (written.endsWith('line 2000\n')) child.send('end');
    });
    await begin(child);
    await once(child, 'close');
    assert.deepEqual(written.trimEnd().split('\n'), lines(2_000));
  }).timeout(TIMEOUT_MS);

  it('are written completely whatever their characters and lengths', async () => {
    // Two, three and four bytes in UTF-8, in lines longer than a page too.
    const line = "'жЖ€漢🦊'.repeat(number * 150)";
    const written = await linesOf(writing(100, 'process.exit();', line));
    assert.deepEqual(
      written,
      Array.from({ length: 100 }, (_, index) => `${'жЖ€漢🦊'.repeat((index + 1) * 150)}${index + 1}`),
    );
  }).timeout(TIMEOUT_MS);

  it('are not lost if the reader is slow', async () => {
    // As in every logger, `process.stdout` sets O_NONBLOCK: a write to a full pipe fails instead of blocking.
    const line = "process.stdout.fd && 'line '";
    const child = writing(100_000, `process.once('message', () => process.exit());`, line);
    let written = '';
    child.stdout?.pause();
    await begin(child);
    // Its pipe is full by now, or will be.
    await once(child.stdout as NodeJS.ReadableStream, 'readable');
    child.stdout?.on('data', (chunk) => {
      written += chunk;
      if (written.endsWith('line 100000\n')) child.send('end');
    });
    await once(child, 'close');
    assert.deepEqual(written.trimEnd().split('\n'), lines(100_000));
  }).timeout(TIMEOUT_MS);

  it('do not prevent the exit of a process without a reader', async () => {
    const child = writing(3, 'process.exit(7);');
    const ended = once(child, 'exit');
    await once(child, 'message');
    child.stdout?.destroy();
    child.send('go');
    assert.deepEqual(await ended, [7, null]);
  }).timeout(TIMEOUT_MS);
});
