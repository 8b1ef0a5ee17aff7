import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { profileSocketPath, serveProfiles } from '../src/observing/profile-socket.ts';

const SERVICE = 'tested';
const logger = pino({ level: 'silent' });

type Answer = { status: number | undefined; file?: string; error?: string };

// No unit test: V8 has one profiler per process, so stopping ours would also stop the coverage of the unit tests.
describe('profiles of a running process', () => {
  let directory: string;
  const serve = () => serveProfiles({ service: SERVICE, directory, logger });

  function post(path: string, signal?: AbortSignal): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const socketPath = profileSocketPath(directory, SERVICE, process.pid);
    request({ socketPath, path, method: 'POST', ...(signal && { signal }) })
      .once('error', reject)
      .once('response', async (response) => {
        resolve({ status: response.statusCode, ...JSON.parse(await text(response)) });
      })
      .end();
    return promise;
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'profiles-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('show the function that was busy', async () => {
    await using _serving = await serve();
    const asked = post('/cpu?seconds=1');
    const { file = '', status } = await whileBusy(asked);
    assert.equal(status, 200);
    assert.match(file, /\.cpuprofile$/);
    const profile = JSON.parse(await readFile(file, 'utf8'));
    const busy = profile.nodes.filter(
      (node: { callFrame: { functionName: string } }) => node.callFrame.functionName === 'countPrimes',
    );
    const ids = new Set(busy.map(({ id }: { id: number }) => id));
    assert.ok(profile.samples.some((id: number) => ids.has(id)));
    assert.equal(profile.samples.length, profile.timeDeltas.length);
    assert.ok(profile.endTime - profile.startTime >= 900_000, 'it covers the second that was asked for');
  });

  it('show which function allocated the memory still held, and all allocated memory', async () => {
    await using _serving = await serve();
    for (const kind of ['heap', 'allocations']) {
      const held: unknown[] = [];
      const { file = '' } = await whileBusy(post(`/${kind}?seconds=1`), () => hoardNumbers(held));
      assert.match(file, /\.heapprofile$/);
      const names = namesBelow(JSON.parse(await readFile(file, 'utf8')).head);
      assert.ok(names.includes('hoardNumbers'), `${kind} does not name it: ${names.slice(0, 20).join(', ')}`);
      assert.ok(held.length > 0);
    }
  });

  it('are limited to one at a time, and possible again after the client has left', async () => {
    await using _serving = await serve();
    const leaving = new AbortController();
    const both = [1, 2].map(() => post('/cpu?seconds=60', leaving.signal));
    // Which of the two comes first is up to the system.
    const refused = await Promise.race(both);
    assert.deepEqual(refused, {
      status: 409,
      error: 'another profile is in progress: try again when it has ended',
    });
    leaving.abort();
    const ends = await Promise.allSettled(both);
    assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    let answer = await post('/cpu?seconds=1');
    while (answer.status === 409) answer = await post('/cpu?seconds=1');
    assert.equal(answer.status, 200);
  });

  it('are accessible to the user of the process only', async () => {
    await using _serving = await serve();
    const { mode } = await stat(profileSocketPath(directory, SERVICE, process.pid));
    assert.equal(mode & 0o777, 0o600);
    const { file = '' } = await post('/cpu?seconds=1');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('have limits, which a refusal names', async () => {
    await using _serving = await serve();
    for (const path of ['/cpu?seconds=61', '/cpu?seconds=0', '/cpu?seconds=1.5', '/cpu?seconds=x']) {
      assert.deepEqual(await post(path), { status: 400, error: 'seconds has to be a whole number from 1 to 60' });
    }
    assert.deepEqual(await post('/disk'), { status: 400, error: 'send POST to /cpu, /heap, /allocations' });
  });

  it('are off without a folder', async () => {
    await using _serving = await serveProfiles({ service: SERVICE, directory: undefined, logger });
    await assert.rejects(post('/cpu?seconds=1'), { code: 'ENOENT' });
  });

  it('delay neither the stop of the service nor, without a usable socket, its start', async () => {
    const serving = await serve();
    const asked = assert.rejects(post('/cpu?seconds=60'), { code: 'ECONNRESET' });
    await post('/disk');
    await serving[Symbol.asyncDispose]();
    await asked;
    await assert.rejects(post('/cpu?seconds=1'), { code: 'ENOENT' });

    const warnings: string[] = [];
    const noting = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line).msg) });
    await using _elsewhere = await serveProfiles({
      service: SERVICE,
      directory: join(directory, 'long'.repeat(50)),
      logger: noting,
    });
    assert.deepEqual(warnings, ['profiles are off: set PROFILE_DIR to a short path that the service can write']);
  });
});

/** Keeps this thread busy, with pauses for the socket, until the answer is there. */
async function whileBusy<T>(asked: Promise<T>, work: () => unknown = () => countPrimes(20_000)): Promise<T> {
  let answered = false;
  const noted = asked.finally(() => {
    answered = true;
  });
  while (!answered) {
    work();
    await new Promise(setImmediate);
  }
  return noted;
}

function countPrimes(below: number): number {
  let count = 0;
  for (let n = 2; n < below; n += 1) {
    let divisor = 2;
    while (divisor * divisor <= n && n % divisor !== 0) divisor += 1;
    if (divisor * divisor > n) count += 1;
  }
  return count;
}

const LONG_TEXT = JSON.stringify(Array.from({ length: 50_000 }, (_, index) => ({ index })));

/** Spends its time in the parser: a function called often would be inlined and lose its name. */
function hoardNumbers(held: unknown[]): void {
  held.push(JSON.parse(LONG_TEXT));
  if (held.length > 5) held.shift();
}

interface HeapNode {
  readonly callFrame: { readonly functionName: string };
  readonly children: readonly HeapNode[];
}

function namesBelow({ callFrame, children }: HeapNode): string[] {
  return [callFrame.functionName, ...children.flatMap(namesBelow)];
}
