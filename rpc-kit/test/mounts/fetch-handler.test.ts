import assert from 'node:assert/strict';
import { createFetchHandler, type FetchHandler } from 'rpc-kit';
import { createSubject } from '../conformance/subject.ts';
import { createStalling, implementWatch } from './stalling-service.ts';

const ORIGIN = 'http://localhost';
const asJson = { method: 'POST', headers: { 'content-type': 'application/json' } } as const;
const ask = (path: string, body: RequestInit['body'] = '{}', init: RequestInit = {}): Request =>
  new Request(ORIGIN + path, { ...asJson, body, ...init });

async function* textsOf({ body }: Response): AsyncGenerator<string, undefined> {
  for await (const part of body ?? []) yield Buffer.from(part).toString();
  return undefined;
}

describe('a handler of Requests', () => {
  it('answers with a Response, without any server', async () => {
    const handler = createFetchHandler(createSubject().service);
    const answer = await handler(ask('/echo', '{"int64":9007199254740993}'));
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'application/json']);
    assert.equal(await answer.text(), '{"int64":9007199254740993}');
    const batch = '[{"jsonrpc":"2.0","id":1,"method":"greeting"},{"jsonrpc":"2.0","method":"greeting"}]';
    assert.equal(await (await handler(ask('/rpc', batch))).text(), '[{"jsonrpc":"2.0","id":1,"result":"hello"}]');
  });

  it('answers HEAD, notifications and preflights without a body', async () => {
    const handler = createFetchHandler(createSubject().service, { allowedOrigins: ['https://shop.example'] });
    const head = await handler(new Request(`${ORIGIN}/greeting`, { method: 'HEAD' }));
    assert.deepEqual([head.status, head.headers.get('content-length'), head.body], [200, '7', null]);
    const notified = await handler(ask('/rpc', '{"jsonrpc":"2.0","method":"greeting"}'));
    assert.deepEqual([notified.status, notified.body], [204, null]);
    const headers = { origin: 'https://shop.example', 'access-control-request-method': 'POST' };
    const preflight = await handler(new Request(`${ORIGIN}/rpc`, { method: 'OPTIONS', headers }));
    assert.deepEqual([preflight.status, preflight.body], [204, null]);
  });

  it('reads the host of the URL where the request has no Host', async () => {
    const handler = createFetchHandler(createSubject().service, { allowedHosts: ['shop.example'] });
    const statusAt = async (host: string): Promise<number> =>
      (await handler(new Request(`https://${host}/greeting`, { ...asJson, body: '{}' }))).status;
    assert.deepEqual([await statusAt('shop.example'), await statusAt('evil.example')], [200, 421]);
  });

  it('passes on the address of the caller where the host says it', async () => {
    const handler = createFetchHandler(createStalling().service);
    const addressOf = async (...caller: Parameters<FetchHandler> extends [unknown, ...infer C] ? C : never) =>
      (await handler(ask('/whoami'), ...caller)).text();
    assert.equal(await addressOf({ address: '10.0.0.7' }), '{"address":"10.0.0.7"}');
    assert.equal(await addressOf(), '{"address":"unknown"}');
  });

  it('puts a body together that comes in pieces, and drops one that is too large or stays away', async () => {
    const { service, executed } = createSubject();
    const handler = createFetchHandler(service, { limits: { bodyBytesMax: 50, requestTimeoutMs: 50 } });
    const send = (...parts: readonly string[]) => {
      const cancelled = Promise.withResolvers<void>();
      let at = 0;
      const body = new ReadableStream({
        pull(controller) {
          const part = parts[at++];
          if (part === undefined) return new Promise(() => {});
          if (part === 'end') controller.close();
          else controller.enqueue(new TextEncoder().encode(part));
          return undefined;
        },
        cancel: () => cancelled.resolve(),
      });
      return { cancelled: cancelled.promise, answer: handler(ask('/echo', body, { duplex: 'half' })) };
    };
    assert.equal(await (await send('{"uint', '16":', '7}', 'end').answer).text(), '{"uint16":7}');
    const tooLarge = send('{"text":"', 'x'.repeat(50));
    assert.equal((await tooLarge.answer).status, 413);
    await tooLarge.cancelled;
    const late = send('{');
    assert.equal((await late.answer).status, 408);
    await late.cancelled;
    assert.deepEqual(executed, ['echo']);
  });

  it('answers a request whose body breaks off', async () => {
    const handler = createFetchHandler(createSubject().service);
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) });
    const { status } = await handler(ask('/echo', body, { duplex: 'half' }));
    assert.equal(status, 499);
  });

  it("cancels the call by the Request's signal: before it, during its body, in the handler and in a stream", async () => {
    const { service, nextCall, cancelled } = createStalling();
    const handler = createFetchHandler(service);
    assert.equal((await handler(ask('/wait', '{}', { signal: AbortSignal.abort() }))).status, 499);

    const during = new AbortController();
    const endless = new ReadableStream({ pull: () => new Promise(() => {}) });
    const unread = handler(ask('/wait', endless, { signal: during.signal, duplex: 'half' }));
    during.abort();
    assert.equal((await unread).status, 499);

    const leaving = new AbortController();
    const begun = nextCall();
    const answer = handler(ask('/wait', '{}', { signal: leaving.signal }));
    await begun;
    leaving.abort();
    assert.equal(await cancelled, 'cancelled');
    assert.equal((await answer).status, 499);
  });

  it('cancels a stream whose reader leaves', async () => {
    const { service, nextCall, cancelled } = createStalling();
    const begun = nextCall();
    const response = await createFetchHandler(service)(ask('/watch'));
    await begun;
    await response.body?.cancel();
    assert.equal(await cancelled, 'cancelled');
  });

  it('sends a stream as fast as it is read, and breaks off one that nobody reads', async () => {
    let sent = 0;
    const left = Promise.withResolvers<void>();
    const service = implementWatch(async function* () {
      try {
        for (;;) {
          sent += 1;
          yield {};
        }
      } finally {
        left.resolve();
      }
    });
    const response = await createFetchHandler(service, { limits: { readerTimeoutMs: 20 } })(ask('/watch'));
    await left.promise;
    // 16 KiB of events of ten bytes each.
    assert.ok(sent < 2_000, `${sent} items were sent`);
    await assert.rejects(response.text(), { message: 'The answer was not sent whole' });
  });

  it('sends parts of a batch while other calls of it are in flight', async () => {
    const { service, goOn } = createStalling();
    const headers = { ...asJson.headers, 'x-batch-answers': 'as-they-come' };
    const batch = ['wait', 'whoami'].map((method, id) => ({ jsonrpc: '2.0', id, method, params: {} }));
    const response = await createFetchHandler(service)(ask('/rpc', JSON.stringify(batch), { headers }));
    const reader = textsOf(response);
    assert.equal((await reader.next()).value, '[{"jsonrpc":"2.0","id":1,"result":{"address":"unknown"}}');
    goOn();
    assert.equal((await reader.next()).value, ',{"jsonrpc":"2.0","id":0,"result":{}}]');
    assert.equal((await reader.next()).done, true);
  });
});
