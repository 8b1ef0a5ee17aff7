import assert from 'node:assert/strict';
import vm from 'node:vm';
import { fail, type HttpServer, implement, type RpcError, serveHttp } from 'rpc-kit';
import { counter } from '../../examples/counter-contract.ts';
import type * as Page from '../../examples/counter-page.ts';
import { bundleForBrowsers } from './bundle.ts';

/** Uses what only Node or only browsers have. */
const LISTENER = `
  import { createClient, createRetryBudget, hedging, RpcError, retry, rateLimit, createTokenBucket } from 'rpc-kit/client';
  import { counter } from './counter-contract.ts';
  let calls = 0;
  const transport = {
    async call() {
      calls += 1;
      if (calls === 1) throw new RpcError('unavailable', 'Not now', { neverSent: true });
      return { seq: 1, total: calls };
    },
  };
  const budget = createRetryBudget();
  const mistaken = { retry() { throw new Error('mistaken'); } };
  const interceptors = [
    rateLimit(createTokenBucket({ tokens: 1, intervalMs: 10, waitersMax: 10 })), retry({ budget, on: mistaken }), hedging({ budget, afterMs: 1 }),
  ];
  const client = createClient(counter, transport, { interceptors });
  globalThis.totals = Promise.all([1n, 2n].map((amount) => client.add({ amount })));
`;

const BUILD_MS = 60_000;
const UINT64_MAX = 2n ** 64n - 1n;

/** What browsers have besides the language. Each context has a JSON, a Promise and a Symbol of its own. */
const { AbortController, AbortSignal, TextDecoder, TextEncoder, URL, crypto, performance, queueMicrotask } = globalThis;
const BROWSER = { AbortController, AbortSignal, TextDecoder, TextEncoder, URL, crypto, performance, queueMicrotask };
const TIMERS = { setTimeout, clearTimeout, setInterval, clearInterval };

/** Members that Chrome 120, Firefox 124 and Safari 17.4 do not have. */
const NEWER = `
  delete JSON.rawJSON; delete JSON.isRawJSON; delete Promise.try; delete RegExp.escape; delete Math.sumPrecise;
  const symbol = Symbol;
  const { dispose, asyncDispose, ...symbols } = Object.getOwnPropertyDescriptors(Symbol);
  globalThis.Symbol = Object.defineProperties((name) => symbol(name), symbols);
  globalThis.URL = class extends URL { static parse = undefined; };
  for (const name of Object.getOwnPropertyNames(Iterator.prototype)) delete Iterator.prototype[name];
  for (const name of ['union', 'intersection', 'difference', 'isSubsetOf', 'isSupersetOf']) delete Set.prototype[name];
`;

describe('A page that rpc-kit/client is bundled for', () => {
  let code: string;
  before(async () => {
    const contents = `import * as page from './counter-page.ts'; globalThis.page = page;`;
    ({ code } = await bundleForBrowsers(contents, { format: 'iife' }));
  });

  let server: HttpServer;
  let totals: { seq: bigint; total: bigint }[];
  let requests: { path: string; body: unknown }[];
  let added: () => void;
  beforeEach(async () => {
    totals = [{ seq: 1n, total: 0n }];
    requests = [];
    added = () => {};
    const service = implement(counter, {
      async add({ amount }) {
        const { seq, total } = totals.at(-1) as { seq: bigint; total: bigint };
        if (total + amount > UINT64_MAX) throw fail(counter.methods.add, 'too_large');
        totals.push({ seq: seq + 1n, total: total + amount });
        added();
        return { seq: seq + 1n, total: total + amount };
      },
      async *watch({ after = 0n }, { signal }) {
        for (let at = Number(after); ; at++) {
          while (at >= totals.length) {
            const { promise, resolve, reject } = Promise.withResolvers<void>();
            added = resolve;
            signal.addEventListener('abort', () => reject(signal.reason as RpcError));
            await promise;
          }
          yield totals[at] as (typeof totals)[number];
        }
      },
    });
    server = await serveHttp(service, { host: '127.0.0.1', port: 0 });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  function openPage(before = '', send: typeof fetch = fetch): typeof Page {
    const context = vm.createContext({
      ...BROWSER,
      ...TIMERS,
      location: { href: `${server.url}/index.html` },
      async fetch(url: string, init: RequestInit) {
        requests.push({ path: new URL(url).pathname, body: JSON.parse(String(init.body)) });
        return send(url, init);
      },
    });
    vm.runInContext(`${before};${code}`, context);
    return (context as { page: typeof Page }).page;
  }

  for (const [browser, before] of [
    ['a new browser', ''],
    ['a browser of spring 2024', NEWER],
  ] as const) {
    describe(`in ${browser}`, () => {
      it('calls in batches, with numbers of 64 bits, and knows the errors', async () => {
        const page = openPage(before);
        assert.equal(await page.addAll([1n, 2n ** 63n, 3n]), 2n ** 63n + 4n);
        assert.equal(requests.length, 1);
        assert.equal(await page.addAll([UINT64_MAX]), 'too large');
      });

      it('reads a stream until it cancels it', async () => {
        const page = openPage(before);
        const leaving = new AbortController();
        const shown: bigint[] = [];
        const show = (total: bigint): void => {
          shown.push(total);
          if (shown.length === 3) leaving.abort();
        };
        const watching = assert.rejects(page.showTotals(show, leaving.signal), { name: 'RpcError', code: 'cancelled' });
        await page.addAll([2n ** 60n, 1n]);
        await watching;
        assert.deepEqual(shown, [0n, 2n ** 60n, 2n ** 60n + 1n]);
      });
    });
  }

  it('has the policies, and reports what a listener throws', async () => {
    const { code: policies } = await bundleForBrowsers(LISTENER, { format: 'iife' });
    const reported: unknown[] = [];
    const context = vm.createContext({ ...BROWSER, ...TIMERS, reportError: (error: unknown) => reported.push(error) });
    vm.runInContext(policies, context);
    const totals = await (context as { totals: Promise<{ total: bigint }[]> }).totals;
    assert.deepEqual(
      Array.from(totals, ({ total }) => total),
      [2n, 3n],
    );
    assert.deepEqual(
      reported.map((error) => String((error as Error).cause)),
      ['Error: mistaken'],
    );
  });

  it('resumes its stream behind the last item when the connection breaks', async () => {
    const brokenOff = 'id: 1\ndata: {"seq":1,"total":0}\n\n';
    totals.push({ seq: 2n, total: 5n });
    let calls = 0;
    const page = openPage('', async (url, init) => {
      calls += 1;
      if (calls > 1) return fetch(url, init);
      return new Response(brokenOff, { headers: { 'content-type': 'text/event-stream' } });
    });
    const leaving = new AbortController();
    const shown: bigint[] = [];
    const show = (total: bigint): void => {
      shown.push(total);
      if (total === 5n) leaving.abort();
    };
    await assert.rejects(page.showTotals(show, leaving.signal), { code: 'cancelled' });
    assert.deepEqual(shown, [0n, 5n]);
    assert.deepEqual(requests, [
      { path: '/watch', body: {} },
      { path: '/watch', body: { after: 1 } },
    ]);
  });
}).timeout(BUILD_MS);
