import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { defineService, type HttpServer, implement, serveHttp } from 'rpc-kit';
import { z } from 'zod';

/** How long the server waits for calls in flight: longer than a test may take, so that one that waited for it would fail. */
const GRACE_MS = 60_000;

const gate = defineService(
  'gate',
  { summary: 'Answers when it is let.', version: '1.0.0' },
  {
    pass: {
      summary: 'Waits at the gate.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 5_000,
      example: { params: {}, result: {} },
    },
  },
);

describe('closing the HTTP server', () => {
  const logger = pino({ level: 'silent' });
  let arrived: PromiseWithResolvers<AbortSignal>;
  let leave: PromiseWithResolvers<Record<string, never>>;
  let server: HttpServer;
  let agent: Agent;

  beforeEach(async () => {
    arrived = Promise.withResolvers();
    leave = Promise.withResolvers();
    const service = implement(gate, {
      pass(_params, call) {
        arrived.resolve(call.signal);
        return leave.promise;
      },
    });
    server = await serveHttp(service, { port: 0, host: '127.0.0.1', logger });
    agent = new Agent({ keepAlive: true });
  });
  afterEach(async () => {
    agent.destroy();
    await server.close(0);
  });

  function pass(): Promise<{ status: number | undefined; connection: string | undefined; body: string }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(`${server.url}/pass`, { method: 'POST', agent }, async (response) => {
        const body = await text(response);
        resolve({ status: response.statusCode, connection: response.headers.connection, body });
      });
      request.on('error', reject);
      request.end('{}');
    });
  }

  it('lets a call in flight finish and closes its idle connection at once, not at the end of the drain', async () => {
    const answer = pass();
    await arrived.promise;
    const closed = server.close(GRACE_MS);
    leave.resolve({});
    assert.deepEqual(await answer, { status: 200, connection: 'close', body: '{}' });
    await closed;
  });

  it('accepts no new connections once it closes', async () => {
    const answer = pass();
    await arrived.promise;
    const closed = server.close();
    await assert.rejects(pass(), { code: 'ECONNREFUSED' });
    leave.resolve({});
    await answer;
    await closed;
  });

  it('cuts off calls that outlast the drain, and aborts their handlers', async () => {
    const answer = pass();
    const signal = await arrived.promise;
    const closed = server.close(20);
    await assert.rejects(answer, { code: 'ECONNRESET' });
    await closed;
    if (!signal.aborted) await once(signal, 'abort');
    assert.equal(signal.reason.code, 'cancelled');
  });

  it('closes soon when no call is in flight, although connections are kept alive', async () => {
    leave.resolve({});
    await pass();
    await server.close(GRACE_MS);
    await assert.rejects(fetch(server.url));
  });
});
