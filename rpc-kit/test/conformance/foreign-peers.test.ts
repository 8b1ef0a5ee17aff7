import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import jayson from 'jayson';
import jaysonPromise from 'jayson/promise/index.js';
import { JSONRPCClient, JSONRPCErrorException, type JSONRPCResponse } from 'json-rpc-2.0';
import { type Client, createClient, createHttpTransport, defineService, type HttpServer, uint64 } from 'rpc-kit';
import { z } from 'zod';
import type { HttpTransport } from '../../src/http/client/transport.ts';
import { createSubject, type Subject, serveSubject } from './subject.ts';

/** jayson's sign for a call without an id; its types do not know it. */
const NOTIFICATION = null as unknown as string;
const GREEDY = { user: 13, items: [{ sku: 1, count: 1 }] };

describe("jayson's client against our server", () => {
  let subject: Subject;
  let server: HttpServer;
  let client: InstanceType<typeof jaysonPromise.HttpClient>;

  beforeEach(async () => {
    subject = createSubject();
    server = await serveSubject(subject);
    client = jaysonPromise.Client.http({ host: '127.0.0.1', port: server.port, path: '/rpc' });
  });
  afterEach(() => server.close());

  it('calls by position and by name', async () => {
    for (const params of [[42, 23], { subtrahend: 23, minuend: 42 }]) {
      assert.deepEqual(await client.request('subtract', params, 'a'), { jsonrpc: '2.0', id: 'a', result: 19 });
    }
  });

  it('gets errors with their code, reason and details', async () => {
    const { error } = await client.request('order', GREEDY, 1);
    assert.deepEqual([error.code, error.message, error.data.reason], [-32009, 'There is less on sale', 'out_of_stock']);
  });

  it('notifies and gets nothing back', async () => {
    assert.equal(await client.request('notify_hello', [7], NOTIFICATION), undefined);
    assert.deepEqual(subject.executed, ['notify_hello']);
  });

  it('sends batches', async () => {
    const answers = await client.request([
      client.request('sum', [1, 2, 4], 'one', false),
      client.request('notify_hello', [7], NOTIFICATION, false),
      client.request('no_such', [], 'two', false),
      client.request('get_data', [], 'three', false),
    ]);
    assert.deepEqual(
      answers.map(({ id, result, error }: { id: string; result?: unknown; error?: { code: number } }) => [
        id,
        result ?? error?.code,
      ]),
      [
        ['one', 7],
        ['two', -32601],
        ['three', ['hello', 5]],
      ],
    );
  });
});

describe("json-rpc-2.0's client against our server", () => {
  let subject: Subject;
  let server: HttpServer;
  let client: JSONRPCClient;

  beforeEach(async () => {
    subject = createSubject();
    server = await serveSubject(subject);
    client = new JSONRPCClient(async (request) => {
      const answer = await fetch(`${server.url}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      });
      if (answer.status !== 204) client.receive((await answer.json()) as JSONRPCResponse);
    });
  });
  afterEach(() => server.close());

  it('calls by position and by name', async () => {
    assert.equal(await client.request('subtract', [42, 23]), 19);
    assert.equal(await client.request('subtract', { subtrahend: 42, minuend: 23 }), -19);
  });

  it('gets errors with their code, reason and details', async () => {
    const [outcome] = await Promise.allSettled([client.request('order', GREEDY)]);
    assert.equal(outcome.status, 'rejected');
    assert.ok(outcome.reason instanceof JSONRPCErrorException);
    const { code, message, data } = outcome.reason;
    assert.deepEqual([code, message, data.reason], [-32009, 'There is less on sale', 'out_of_stock']);
  });

  it('notifies', async () => {
    client.notify('notify_hello', [7]);
    await client.request('get_data', []);
    assert.ok(subject.executed.includes('notify_hello'));
  });

  it('sends batches', async () => {
    const call = (id: string, method: string, params: unknown[]) => ({ jsonrpc: '2.0' as const, id, method, params });
    const answers = await client.requestAdvanced([call('one', 'sum', [1, 2, 4]), call('two', 'no_such', [])]);
    assert.deepEqual(
      answers.map(({ id, result, error }) => [id, result ?? error?.code]),
      [
        ['one', 7],
        ['two', -32601],
      ],
    );
  });
});

const calculator = defineService(
  'calculator',
  { summary: 'Is served by a foreign server.', version: '1.0.0' },
  {
    add: {
      summary: 'Adds.',
      params: z.strictObject({ a: uint64, b: uint64 }),
      result: uint64,
      timeoutMs: 10_000,
      reads: true,
      example: { params: { a: 1, b: 2 }, result: 3 },
    },
    divide: {
      summary: 'Divides.',
      params: z.strictObject({ a: uint64, b: uint64 }),
      result: z.number(),
      timeoutMs: 10_000,
      reads: true,
      example: { params: { a: 1, b: 2 }, result: 0.5 },
    },
    missing: {
      summary: 'Is not served.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 10_000,
      example: { params: {}, result: {} },
    },
  },
);

interface Operands {
  readonly a: number;
  readonly b: number;
}
type Callback = (error: unknown, result?: unknown) => void;

describe("our client against jayson's own server", () => {
  let server: Server;
  let transport: HttpTransport;
  let client: Client<typeof calculator.methods>;

  before(async () => {
    const methods = {
      add: ({ a, b }: Operands, done: Callback) => done(null, a + b),
      divide: ({ a, b }: Operands, done: Callback) =>
        b === 0 ? done({ code: -32602, message: 'Division by zero', data: { b } }) : done(null, a / b),
    };
    server = new jayson.Server(methods as never).http();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    transport = createHttpTransport(`http://127.0.0.1:${port}`, { userAgent: 'test' });
    client = createClient(calculator, transport);
  });
  after(async () => {
    await transport[Symbol.asyncDispose]();
    server.close();
  });

  it('calls', async () => {
    assert.equal(await client.add({ a: 1n, b: 2n }), 3n);
    assert.equal(await client.divide({ a: 1n, b: 2n }), 0.5);
  });

  it('reads its errors by their numbers', async () => {
    await assert.rejects(client.divide({ a: 1n, b: 0n }), {
      name: 'RpcError',
      code: 'invalid_params',
      message: 'Division by zero',
      reason: undefined,
    });
    await assert.rejects(client.missing({}), { name: 'RpcError', code: 'method_not_found' });
  });

  it('makes calls of one moment, each with its own outcome', async () => {
    const outcomes = await Promise.allSettled([
      client.add({ a: 1n, b: 2n }),
      client.missing({}),
      client.add({ a: 3n, b: 4n }),
      client.divide({ a: 1n, b: 0n }),
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.code)),
      [3n, 'method_not_found', 7n, 'invalid_params'],
    );
  });

  it('refuses a result that the foreign server had to round as out of range', async () => {
    await assert.rejects(client.add({ a: 2n ** 64n - 1n, b: 1n }), { name: 'RpcError', code: 'internal' });
  });
});
