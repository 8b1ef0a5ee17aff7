import assert from 'node:assert/strict';
import { onEachHost, type TestServer } from '../mounts/hosts.ts';
import { requestBytes, sendRaw } from './raw-http.ts';
import { createSubject } from './subject.ts';

/** What the specification leaves to the server: the data of an error. Its code is fixed, its words are an example. */
const NOT_FOUND = { code: -32601, message: 'Method not found' };
const PARSE_ERROR = { code: -32700, message: 'Parse error: the body is not JSON' };
const INVALID_REQUEST = { code: -32600, message: 'Invalid request' };

interface Example {
  readonly title: string;
  readonly sent: string;
  /** Undefined where nothing is returned. */
  readonly answered?: unknown;
}

/** Section 7 of https://www.jsonrpc.org/specification, in its order and with its texts. */
const examples: readonly Example[] = [
  {
    title: 'rpc call with positional parameters',
    sent: '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
    answered: { jsonrpc: '2.0', result: 19, id: 1 },
  },
  {
    title: 'rpc call with positional parameters, the other way round',
    sent: '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
    answered: { jsonrpc: '2.0', result: -19, id: 2 },
  },
  {
    title: 'rpc call with named parameters',
    sent: '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    answered: { jsonrpc: '2.0', result: 19, id: 3 },
  },
  {
    title: 'rpc call with named parameters, the other way round',
    sent: '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
    answered: { jsonrpc: '2.0', result: 19, id: 4 },
  },
  { title: 'a notification', sent: '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}' },
  { title: 'a notification of a non-existent method', sent: '{"jsonrpc": "2.0", "method": "foobar"}' },
  {
    title: 'rpc call of non-existent method',
    sent: '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
    answered: { jsonrpc: '2.0', error: NOT_FOUND, id: '1' },
  },
  {
    title: 'rpc call with invalid JSON',
    sent: '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
    answered: { jsonrpc: '2.0', error: PARSE_ERROR, id: null },
  },
  {
    title: 'rpc call with invalid Request object',
    sent: '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
    answered: { jsonrpc: '2.0', error: INVALID_REQUEST, id: null },
  },
  {
    title: 'rpc call Batch, invalid JSON',
    sent: `[
      {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method"
    ]`,
    answered: { jsonrpc: '2.0', error: PARSE_ERROR, id: null },
  },
  {
    title: 'rpc call with an empty Array',
    sent: '[]',
    answered: { jsonrpc: '2.0', error: INVALID_REQUEST, id: null },
  },
  {
    title: 'rpc call with an invalid Batch (but not empty)',
    sent: '[1]',
    answered: [{ jsonrpc: '2.0', error: INVALID_REQUEST, id: null }],
  },
  {
    title: 'rpc call with invalid Batch',
    sent: '[1,2,3]',
    answered: [
      { jsonrpc: '2.0', error: INVALID_REQUEST, id: null },
      { jsonrpc: '2.0', error: INVALID_REQUEST, id: null },
      { jsonrpc: '2.0', error: INVALID_REQUEST, id: null },
    ],
  },
  {
    title: 'rpc call Batch',
    sent: `[
      {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]`,
    answered: [
      { jsonrpc: '2.0', result: 7, id: '1' },
      { jsonrpc: '2.0', result: 19, id: '2' },
      { jsonrpc: '2.0', error: INVALID_REQUEST, id: null },
      { jsonrpc: '2.0', error: NOT_FOUND, id: '5' },
      { jsonrpc: '2.0', result: ['hello', 5], id: '9' },
    ],
  },
  {
    title: 'rpc call Batch (all notifications)',
    sent: `[
      {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]`,
  },
];

/** What our server adds to every error is checked elsewhere. */
function withoutData(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer), (key, value) => (key === 'data' ? undefined : value));
}

onEachHost('the examples of the JSON-RPC 2.0 specification', {}, ({ serve, it }) => {
  const subject = createSubject();
  let server: TestServer;

  before(async () => {
    server = await serve(subject.service);
  });
  after(() => server.close());

  for (const { title, sent, answered } of examples) {
    it(`${title} is answered as the specification shows`, async () => {
      const { status, body } = await sendRaw(server.port, requestBytes({ path: '/rpc', body: sent }));
      if (answered === undefined) {
        assert.deepEqual({ status, body }, { status: 204, body: '' });
      } else {
        assert.equal(status, body.includes('Parse error') ? 400 : 200);
        assert.deepEqual(withoutData(JSON.parse(body)), answered);
      }
    });
  }

  it('notifications are carried out, though nothing is answered', () => {
    assert.deepEqual(
      subject.executed.filter((method) => ['update', 'notify_hello'].includes(method)),
      ['update', 'notify_hello', 'notify_hello'],
    );
  });
});
