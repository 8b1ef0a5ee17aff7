import assert from 'node:assert/strict';
import { HTTP_LIMITS } from 'rpc-kit';
import { onEachHost, type TestServer } from '../mounts/hosts.ts';
import { type RawAnswer, requestBytes, sendRaw } from './raw-http.ts';
import { createSubject, type Subject } from './subject.ts';

const INVALID = { code: -32600, message: 'Invalid request', data: { code: 'invalid_request', requestId: 'r1' } };

onEachHost('batches over HTTP', {}, ({ serve, it }) => {
  let subject: Subject;
  let server: TestServer;
  const ask = (batch: unknown): Promise<RawAnswer> =>
    sendRaw(server.port, requestBytes({ path: '/rpc', headers: ['x-request-id: r1'], body: JSON.stringify(batch) }));
  const sum = (id?: number) => ({ jsonrpc: '2.0', method: 'sum', params: [1, 2, 4], id });

  beforeEach(async () => {
    subject = createSubject();
    server = await serve(subject.service);
  });
  afterEach(() => server.close());

  it('an empty batch is one error and no list', async () => {
    const { status, body } = await ask([]);
    assert.deepEqual([status, JSON.parse(body)], [200, { jsonrpc: '2.0', id: null, error: INVALID }]);
  });

  it('a batch of one is answered by a list of one', async () => {
    const { status, body } = await ask([sum(1)]);
    assert.deepEqual([status, JSON.parse(body)], [200, [{ jsonrpc: '2.0', id: 1, result: 7 }]]);
  });

  it('a batch as long as the limit is carried out whole, its answers in the order of its calls', async () => {
    const { status, body } = await ask(Array.from({ length: HTTP_LIMITS.batchLengthMax }, (_, id) => sum(id)));
    assert.equal(status, 200);
    assert.deepEqual(
      JSON.parse(body),
      Array.from({ length: HTTP_LIMITS.batchLengthMax }, (_, id) => ({ jsonrpc: '2.0', id, result: 7 })),
    );
  });

  it('a batch one longer is one error and nothing of it is executed', async () => {
    const { status, body } = await ask(Array.from({ length: HTTP_LIMITS.batchLengthMax + 1 }, (_, id) => sum(id)));
    assert.deepEqual(
      [status, JSON.parse(body)],
      [
        200,
        { jsonrpc: '2.0', id: null, error: { ...INVALID, message: 'Invalid request: a batch holds at most 50 calls' } },
      ],
    );
    assert.deepEqual(subject.executed, []);
  });

  it('a batch of notifications is carried out and answered by 204', async () => {
    const { status, headers, body } = await ask([sum(), sum(), sum()]);
    assert.deepEqual([status, headers['content-length'], body], [204, undefined, '']);
    assert.deepEqual(subject.executed, ['sum', 'sum', 'sum']);
  });

  it('a failing notification is not answered either', async () => {
    const { status } = await ask([
      { jsonrpc: '2.0', method: 'broken' },
      { jsonrpc: '2.0', method: 'no_such' },
      { jsonrpc: '2.0', method: 'sum', params: { a: 'one' } },
      { jsonrpc: '2.0', method: 'sum', meta: 'wrong' },
    ]);
    assert.equal(status, 204);
  });

  it('a batch within a batch is an invalid request, and its calls are not executed', async () => {
    const { body } = await ask([[sum(1)], sum(2), []]);
    assert.deepEqual(JSON.parse(body), [
      { jsonrpc: '2.0', id: null, error: INVALID },
      { jsonrpc: '2.0', id: 2, result: 7 },
      { jsonrpc: '2.0', id: null, error: INVALID },
    ]);
    assert.deepEqual(subject.executed, ['sum']);
  });

  it('calls, failures, notifications and nonsense in one batch are each answered by their own', async () => {
    const { body } = await ask([
      sum(1),
      sum(),
      { jsonrpc: '2.0', id: 2, method: 'broken' },
      null,
      { jsonrpc: '2.0', id: 3, method: 'order', params: { user: 13, items: [{ sku: 1, count: 1 }] } },
      { jsonrpc: '1.0', id: 4, method: 'sum' },
      { jsonrpc: '2.0', id: 5, method: 'never' },
      'sum',
    ]);
    const requestId = 'r1';
    assert.deepEqual(JSON.parse(body.replace('9223372036854775807', '"9223372036854775807"')), [
      { jsonrpc: '2.0', id: 1, result: 7 },
      {
        jsonrpc: '2.0',
        id: 2,
        error: { code: -32603, message: 'Internal error', data: { code: 'internal', requestId } },
      },
      { jsonrpc: '2.0', id: null, error: INVALID },
      {
        jsonrpc: '2.0',
        id: 3,
        error: {
          code: -32009,
          message: 'There is less on sale',
          data: {
            code: 'failed_precondition',
            reason: 'out_of_stock',
            details: { orderID: '9223372036854775807' },
            requestId,
          },
        },
      },
      { jsonrpc: '2.0', id: 4, error: INVALID },
      {
        jsonrpc: '2.0',
        id: 5,
        error: {
          code: -32004,
          message: 'The call took longer than its deadline',
          data: { code: 'deadline_exceeded', requestId },
        },
      },
      { jsonrpc: '2.0', id: null, error: INVALID },
    ]);
  });

  it('two calls of one batch may carry the same id', async () => {
    const { body } = await ask([sum(1), sum(1)]);
    assert.deepEqual(
      JSON.parse(body).map(({ id }: { id: unknown }) => id),
      [1, 1],
    );
  });
});
