import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createClient, RpcError, raceSignal } from 'rpc-kit';
// A test itself, which runs along.
import 'rpc-kit/examples/prices.test.ts';
import { createReports, reports } from '../guide/reports.ts';
import { startProgram } from './programs.ts';

const RPC_KIT_EXAMPLES = '../rpc-kit/examples';

/** A page that is never done: only the signal ends it. */
function neverDone(_page: number, signal: AbortSignal): Promise<void> {
  return raceSignal(Promise.withResolvers<void>().promise, signal);
}

describe('The first service of the guide', () => {
  it('answers its line with curl and its client as the page says', async () => {
    const page = await readFile(new URL('../../docs/guide/first-service.md', import.meta.url), 'utf8');
    const [, body = '', path, answered] = /-d '(\S+)' 127\.0\.0\.1:7001(\S+)` answers `(.+?)`/.exec(page) ?? [];
    await using stack = new AsyncDisposableStack();
    const { url, stop } = await startProgram(stack, `${RPC_KIT_EXAMPLES}/serve-prices.ts`, { PORT: '0' });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body });
    assert.equal(await answer.text(), answered);
    for (const page of ['/docs', '/openapi.json', '/healthz', '/readyz']) {
      assert.equal((await fetch(`${url}${page}`)).status, 200, page);
    }
    const client = fileURLToPath(new URL(`../${RPC_KIT_EXAMPLES}/ask-price.ts`, import.meta.url));
    const env = { ...process.env, PRICES_URL: url };
    const { stdout } = await promisify(execFile)(process.execPath, [client], { env });
    assert.ok(page.includes(`prints \`${stdout.trim()}\``), stdout);
    assert.equal(await stop('SIGINT'), 0);
  });
});

describe('The reports of the guide', () => {
  it('are archived after the answer', async () => {
    const done: string[] = [];
    const service = createReports({
      renderPage: async (page) => void done.push(`page ${page}`),
      archive: async (pages) => void done.push(`archive of ${pages}`),
    });
    assert.deepEqual(await createClient(reports, service).make({ pages: 2 }), { rendered: 2 });
    await service.drain(1_000);
    assert.deepEqual(done, ['page 1', 'page 2', 'archive of 2']);
  });

  it('stop at the deadline of the caller, which may be shorter than that of the contract', async () => {
    const signals: AbortSignal[] = [];
    const renderPage = (page: number, signal: AbortSignal) => {
      signals.push(signal);
      return neverDone(page, signal);
    };
    const client = createClient(reports, createReports({ renderPage, archive: async () => {} }));
    await assert.rejects(client.make({ pages: 2 }, { timeoutMs: 20 }), isCode('deadline_exceeded'));
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    );
  });

  it('stop when the caller leaves', async () => {
    const caller = new AbortController();
    const left: unknown[] = [];
    const renderPage = (page: number, signal: AbortSignal) => {
      signal.addEventListener('abort', () => left.push(signal.reason));
      caller.abort();
      return neverDone(page, signal);
    };
    const client = createClient(reports, createReports({ renderPage, archive: async () => {} }));
    await assert.rejects(client.make({ pages: 2 }, { signal: caller.signal }), isCode('cancelled'));
    assert.equal(left.length, 1);
  });
});

function isCode(code: RpcError['code']) {
  return (error: unknown) => error instanceof RpcError && error.code === code;
}
