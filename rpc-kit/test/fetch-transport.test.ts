import assert from 'node:assert/strict';
import {
  createClient,
  createFetchHandler,
  createFetchTransport,
  defineService,
  type FetchTransportOptions,
  implement,
  type RpcError,
  stream,
} from 'rpc-kit';
import sinon from 'sinon';
import { z } from 'zod';
import type { FetchInit, FetchResponse } from '../src/http/client/fetch.ts';
import { PATIENT_MS } from './call-stubs.ts';

const echo = defineService(
  'echo',
  { summary: 'Gives back.', version: '1' },
  {
    say: {
      summary: 'Gives a number back.',
      params: z.strictObject({ n: z.int() }),
      result: z.object({ n: z.int() }),
      timeoutMs: PATIENT_MS,
      example: { params: { n: 1 }, result: { n: 1 } },
    },
    watch: {
      summary: 'Sends numbers.',
      params: z.strictObject({}),
      result: stream(z.object({ n: z.int() })),
      timeoutMs: 3_600_000,
      example: { params: {}, result: { n: 1 } },
    },
  },
);

const answerTo = ({ params }: { readonly params: object }) =>
  new Response(JSON.stringify({ jsonrpc: '2.0', id: 1, result: params }));

describe('A transport over a fetch', () => {
  let sent: (FetchInit & { readonly url: string })[];
  let fetch: (url: string, init: FetchInit) => Promise<FetchResponse>;
  beforeEach(() => {
    sent = [];
    fetch = async (url, init) => {
      sent.push({ url, ...init });
      return answerTo(JSON.parse(init.body));
    };
  });

  const clientOf = (options: FetchTransportOptions = {}, url = 'https://peer.example/base/?key=1') =>
    createClient(
      echo,
      createFetchTransport(url, { fetch: (address, init) => fetch(address, init), batching: false, ...options }),
    );

  it('sends what it is asked to send, and nothing that a page may not', async () => {
    const headers = { 'x-tenant': 'a', 'content-type': 'text/plain' };
    await clientOf({ headers, authorization: () => 'Bearer t', credentials: 'include' }).say(
      { n: 1 },
      { requestId: 'r1', timeoutMs: 5_000, idempotencyKey: ' ключ' },
    );
    const [{ url, signal, headers: received, ...init } = assert.fail()] = sent;
    assert.equal(url, 'https://peer.example/base/rpc?key=1');
    assert.equal(signal.aborted, false);
    const { 'x-deadline-ms': deadlineMs, ...others } = received;
    assert.ok(Number(deadlineMs) > 0 && Number(deadlineMs) <= 5_000);
    assert.deepEqual(others, {
      'x-tenant': 'a',
      'content-type': 'application/json',
      authorization: 'Bearer t',
      'x-request-id': 'r1',
      'idempotency-key': Buffer.from('" ключ"').toString('latin1'),
    });
    assert.doesNotThrow(() => new Headers(received));
    assert.deepEqual(init, {
      method: 'POST',
      body: '{"jsonrpc":"2.0","id":1,"method":"say","params":{"n":1}}',
      redirect: 'manual',
      credentials: 'include',
    });
    await clientOf().say({ n: 1 });
    assert.equal('credentials' in (sent[1] as object), false);
  });

  it('has a plain face', async () => {
    fetch = async (url, init) => {
      sent.push({ url, ...init });
      return new Response(init.body);
    };
    assert.deepEqual(await clientOf({ face: 'plain' }).say({ n: 7 }), { n: 7 });
    assert.deepEqual([sent[0]?.url, sent[0]?.body], ['https://peer.example/base/say?key=1', '{"n":7}']);
  });

  it('takes the URL of a page as its base, where there is a page', async () => {
    assert.throws(() => clientOf({}, '/api'), { message: 'it has to be a URL like https://host:8080' });
    const global = globalThis as { location?: unknown };
    global.location = { href: 'https://shop.example/cart/index.html?a=1#top' };
    try {
      await clientOf({}, '/').say({ n: 1 });
      await clientOf({}, 'api').say({ n: 1 });
    } finally {
      delete global.location;
    }
    assert.deepEqual(
      sent.map(({ url }) => url),
      ['https://shop.example/rpc', 'https://shop.example/cart/api/rpc'],
    );
  });

  it('refuses a URL that fetch cannot send to, and options outside their range', () => {
    for (const url of ['ftp://peer.example', 'peer', 'https://u:secret@peer.example', 'https://peer.example/#a']) {
      assert.throws(
        () => clientOf({}, url),
        (error) => error instanceof TypeError && !error.message.includes('secret'),
      );
    }
    assert.throws(() => clientOf({ requestsMax: 0 }), RangeError);
    assert.throws(() => clientOf({ streamsMax: Number.NaN }), RangeError);
  });

  it('follows no redirect', async () => {
    for (const [answer, message] of [
      [Response.redirect('https://other.example', 302), 'The peer answered HTTP 302'],
      [
        { type: 'opaqueredirect', status: 0, headers: new Headers(), body: null },
        'echo redirects: create the transport with its new address',
      ],
    ] as const) {
      fetch = async () => answer;
      await assert.rejects(clientOf().say({ n: 1 }), { code: 'internal', message });
    }
  });

  it('reports what fetch rejects with as unavailable, and its text only as the cause', async () => {
    fetch = () => Promise.reject(new TypeError('Failed to fetch https://peer.internal'));
    await assert.rejects(clientOf().say({ n: 1 }), {
      code: 'unavailable',
      message: 'The connection to echo broke',
      neverSent: false,
    });
  });

  it('has so many requests in flight and no more, and never sends one whose caller left while it waited', async () => {
    const answers: PromiseWithResolvers<FetchResponse>[] = [];
    fetch = (url, init) => {
      sent.push({ url, ...init });
      const answer = Promise.withResolvers<FetchResponse>();
      answers.push(answer);
      return answer.promise;
    };
    const client = clientOf({ requestsMax: 1 });
    const caller = new AbortController();
    const first = client.say({ n: 1 });
    const second = assert.rejects(client.say({ n: 2 }, { signal: caller.signal }), { code: 'cancelled' });
    const third = client.say({ n: 3 });
    caller.abort();
    await second;
    assert.equal(sent.length, 1);
    answers[0]?.resolve(answerTo({ params: { n: 1 } }));
    assert.deepEqual(await first, { n: 1 });
    answers[1]?.resolve(answerTo({ params: { n: 3 } }));
    assert.deepEqual(await third, { n: 3 });
    assert.equal(sent.length, 2);
  });

  it('does not wait for a fetch, and not for a body, that does not heed the signal', async () => {
    const client = clientOf({ requestsMax: 1 });
    for (const stuck of [() => new Promise<FetchResponse>(() => {}), async () => new Response(new ReadableStream())]) {
      const working = fetch;
      fetch = stuck;
      await assert.rejects(client.say({ n: 1 }, { timeoutMs: 20 }), { code: 'deadline_exceeded' });
      fetch = working;
      assert.deepEqual(await client.say({ n: 2 }), { n: 2 });
    }
  });

  it('sends no authorization that no header can carry, and does not quote it', async () => {
    for (const authorization of [() => 'Bearer s3cret\nx: y', async () => 'Bearer s3cret\nx: y']) {
      await assert.rejects(clientOf({ authorization }).say({ n: 1 }), ({ code, cause }: RpcError) => {
        assert.equal(code, 'internal');
        assert.match(String(cause), /^TypeError: The option authorization gave a text that no header can carry/);
        return true;
      });
    }
    assert.equal(sent.length, 0);
  });

  it('cancels the body of an answer that comes after the deadline', async () => {
    const answered = Promise.withResolvers<FetchResponse>();
    const cancelled = Promise.withResolvers<void>();
    fetch = () => answered.promise;
    await assert.rejects(clientOf().say({ n: 1 }, { timeoutMs: 20 }), { code: 'deadline_exceeded' });
    answered.resolve(new Response(new ReadableStream({ cancel: () => cancelled.resolve() })));
    await cancelled.promise;
  });

  it('cancels the body of an answer that is too large, and of a stream that is left', async () => {
    let cancelled = 0;
    const bodyOf = (text: string) =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(Buffer.from(text)),
        cancel: () => {
          cancelled += 1;
        },
      });
    fetch = async () => new Response(bodyOf('1'.repeat(1_000)));
    await assert.rejects(clientOf({ answerBytesMax: 5_000 }).say({ n: 1 }), {
      message: 'The peer answered more than may be read',
    });
    assert.equal(cancelled, 1);
    fetch = async () =>
      new Response(bodyOf('data: {"n":1}\n\n'), { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
    for await (const { n } of clientOf().watch({})) if (n === 1) break;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(cancelled, 2);
  });

  it('calls a handler in the same process, streams included', async () => {
    const handlers = {
      async say({ n }: { n: number }) {
        return { n: -n };
      },
      async *watch() {
        yield { n: 1 };
        yield { n: 2 };
      },
    };
    const handle = createFetchHandler(implement(echo, handlers), { prefix: '/echo' });
    const client = createClient(
      echo,
      createFetchTransport('http://localhost/echo', { fetch: (url, init) => handle(new Request(url, init)) }),
    );
    assert.deepEqual(await Promise.all([1, 2].map((n) => client.say({ n }))), [{ n: -1 }, { n: -2 }]);
    assert.deepEqual(await Array.fromAsync(client.watch({})), [{ n: 1 }, { n: 2 }]);
    await handle.close();
    await assert.rejects(client.say({ n: 1 }), { code: 'unavailable' });
  });

  describe('with a clock of its own', () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    });
    afterEach(() => clock.restore());

    it('gives a stream up that sends nothing for a minute, not even a heartbeat', async () => {
      let source: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          source = controller;
        },
      });
      fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
      const items = clientOf().watch({});
      const first = items.next();
      await clock.tickAsync(59_000);
      source?.enqueue(Buffer.from(':\n\n'));
      await clock.tickAsync(59_000);
      source?.enqueue(Buffer.from('data: {"n":1}\n\n'));
      assert.deepEqual(await first, { done: false, value: { n: 1 } });
      const second = assert.rejects(items.next(), { code: 'unavailable', message: 'The stream of echo broke off' });
      await clock.tickAsync(61_000);
      await second;
    });
  });
});
