import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Exceptions, onEachHost, type TestServer } from '../mounts/hosts.ts';
import { type RawAnswer, requestBytes, sendRaw } from './raw-http.ts';
import { subject as contract, createSubject, type Subject } from './subject.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const EXCEPTIONS: Exceptions = {
  Hono: {
    'is refused when it comes twice, also with the same value, on both faces':
      'A Request joins repeated headers: the joined value is the key.',
  },
};

onEachHost('metadata of calls over HTTP', EXCEPTIONS, ({ serve, it }) => {
  let subject: Subject;
  let server: TestServer;

  before(async () => {
    subject = createSubject();
    server = await serve(subject.service);
  });
  beforeEach(() => {
    subject.executed.length = 0;
  });
  after(() => server.close());

  const plain = (headers: string[], path = '/metadata'): Promise<RawAnswer> =>
    sendRaw(server.port, requestBytes({ path, headers, body: '{}' }));
  const rpc = (calls: unknown, headers: string[] = []): Promise<RawAnswer> =>
    sendRaw(server.port, requestBytes({ path: '/rpc', headers, body: JSON.stringify(calls) }));
  const call = (meta?: unknown, id: unknown = 1) => ({ jsonrpc: '2.0', id, method: 'metadata', meta });

  it('headers reach the handler on the plain face', async () => {
    const { body } = await plain([
      'x-request-id: r1',
      `traceparent: ${TRACEPARENT}`,
      'tracestate: rojo=1',
      'TraceState: congo=2',
      'baggage: shop=7',
      'Baggage: user=%D0%B0;p',
      'idempotency-key: k1',
      'authorization: Bearer t1',
      'x-deadline-ms: 20000',
      'user-agent: checkout/0.1.0 (linux)',
    ]);
    const { remainingMs, ...rest } = JSON.parse(body);
    assert.deepEqual(rest, {
      requestId: 'r1',
      traceparent: TRACEPARENT,
      tracestate: 'rojo=1,congo=2',
      baggage: 'shop=7,user=%D0%B0;p',
      idempotencyKey: 'k1',
      authorization: 'Bearer t1',
      name: 'checkout/0.1.0',
    });
    assert.ok(remainingMs > 0 && remainingMs <= 20_000, `${remainingMs}`);
  });

  it('x-deadline-ms counts from the arrival of the headers, however long the body takes', async () => {
    const bytes = requestBytes({ path: '/metadata', headers: ['x-deadline-ms: 20'], body: '{}' });
    const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
    const answer = sendRaw(socket, bytes.subarray(0, -1));
    const sentAt = performance.now();
    while (performance.now() < sentAt + 100) await nextTurn();
    socket.write(bytes.subarray(-1));
    assert.equal((await answer).status, 504);
    assert.deepEqual(subject.executed, []);
  });

  describe('x-request-id', () => {
    it('is echoed on every answer when it is of a harmless form', async () => {
      for (const path of ['/metadata', '/rpc', '/healthz', '/nothing']) {
        const { headers } = await plain(['x-request-id: shop:42/a.b-c=d+e@f_g'], path);
        assert.equal(headers['x-request-id'], 'shop:42/a.b-c=d+e@f_g', path);
      }
    });

    for (const [what, header] of [
      ['missing', 'x-other: 1'],
      ['empty', 'x-request-id: '],
      ['of 129 characters', `x-request-id: ${'a'.repeat(129)}`],
      ['with a space', 'x-request-id: a b'],
      ['with markup', 'x-request-id: <script>'],
      ['with a letter outside ASCII', 'x-request-id: é'],
      ['given twice', 'x-request-id: a\r\nx-request-id: b'],
    ] as const) {
      it(`is replaced when it is ${what}`, async () => {
        const { headers, body } = await plain([header]);
        assert.match(String(headers['x-request-id']), UUID);
        assert.equal(JSON.parse(body).requestId, headers['x-request-id']);
      });
    }

    it('is accepted at 128 characters', async () => {
      const { headers } = await plain([`x-request-id: ${'a'.repeat(128)}`]);
      assert.equal(headers['x-request-id'], 'a'.repeat(128));
    });
  });

  describe('x-deadline-ms', () => {
    for (const value of ['0', '-1', '-999999999999', '-1000000000000000', `-${'9'.repeat(4_000)}`]) {
      it(`${value.slice(0, 20)} has passed: the handler is not called`, async () => {
        const { status, body } = await plain(['x-request-id: r1', `x-deadline-ms: ${value}`]);
        assert.deepEqual(
          [status, JSON.parse(body)],
          [
            504,
            {
              error: { code: 'deadline_exceeded', message: 'The call took longer than its deadline', requestId: 'r1' },
            },
          ],
        );
        assert.deepEqual(subject.executed, []);
      });
    }

    it("beyond the method's own timeout does not lengthen it, and without it that one holds", async () => {
      const beyond = ['999999999999', String(2n ** 64n), '9'.repeat(4_000)];
      for (const headers of [...beyond.map((value) => [`x-deadline-ms: ${value}`]), []]) {
        const { remainingMs } = JSON.parse((await plain(headers)).body);
        assert.ok(remainingMs > 20_000 && remainingMs <= contract.methods.metadata.timeoutMs, `${remainingMs}`);
      }
    });

    for (const value of ['soon', '', '1.5', '1e3', '+5', '0x10', '10ms', '5, 6', 'NaN', 'Infinity']) {
      it(`"${value}" is no number of milliseconds and is refused on both faces`, async () => {
        const message = 'x-deadline-ms must be a whole number of milliseconds';
        const headers = ['x-request-id: r1', `x-deadline-ms: ${value}`];
        const onPlain = await plain(headers);
        assert.deepEqual(
          [onPlain.status, JSON.parse(onPlain.body)],
          [400, { error: { code: 'invalid_request', message, requestId: 'r1' } }],
        );
        const onRpc = await rpc(call(), headers);
        assert.deepEqual(
          [onRpc.status, JSON.parse(onRpc.body)],
          [
            400,
            {
              jsonrpc: '2.0',
              id: null,
              error: { code: -32600, message, data: { code: 'invalid_request', requestId: 'r1' } },
            },
          ],
        );
        assert.deepEqual(subject.executed, []);
      });
    }
  });

  describe('idempotency-key', () => {
    const REFUSED = 'idempotency-key must have 1 to 255 characters of UTF-8 without control characters';
    const withKey = (value: string | Buffer): Promise<RawAnswer> =>
      plain(['x-request-id: r1', `idempotency-key: ${Buffer.from(value as string).toString('latin1')}`]);
    const keyOf = async (value: string): Promise<string> => JSON.parse((await withKey(value)).body).idempotencyKey;

    for (const key of [
      'k'.repeat(255),
      'ключ-1',
      'к'.repeat(255),
      '🛒'.repeat(255),
      'a, b',
      '\ufeffk',
      'a"b',
      'a\\b',
    ]) {
      it(`${key.slice(0, 10)} of ${key.length} units is the same key in the header and in meta`, async () => {
        assert.equal(await keyOf(key), key);
        const { body } = await rpc(call({ idempotencyKey: key }));
        assert.equal(JSON.parse(body).result.idempotencyKey, key);
      });
    }

    it('in double quotes, as the draft of the header asks for, is the text within them', async () => {
      for (const [sent, key] of [
        ['"abc"', 'abc'],
        [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
        ['" a "', ' a '],
        ['"ключ"', 'ключ'],
      ] as const)
        assert.equal(await keyOf(sent), key);
    });

    for (const [what, value] of [
      ['empty', ''],
      ['empty in quotes', '""'],
      ['of 256 characters', 'k'.repeat(256)],
      ['of 256 characters of four bytes', '🛒'.repeat(256)],
      ['no UTF-8', Buffer.from([0x6b, 0xff])],
      ['cut within a character', Buffer.from('ключ').subarray(0, 7)],
      ['half of a pair of surrogates', Buffer.from([0xed, 0xa0, 0x80])],
      ['a control character', Buffer.from([0x6b, 0xc2, 0x85])],
      ['a tab within', 'a\tb'],
      ['a quote that is not closed', '"abc'],
      ['quoted twice', '"a", "a"'],
      ['quoted with an escape that means nothing', String.raw`"a\b"`],
    ] as const) {
      it(`is refused when it is ${what}`, async () => {
        const { status, body } = await withKey(value);
        assert.deepEqual(
          [status, JSON.parse(body)],
          [400, { error: { code: 'invalid_request', message: REFUSED, requestId: 'r1' } }],
        );
      });
    }

    it('is refused when it comes twice, also with the same value, on both faces', async () => {
      for (const second of ['k1', 'k2']) {
        const headers = ['idempotency-key: k1', `Idempotency-Key: ${second}`];
        const answers = [await plain(headers), await rpc(call(), headers), await rpc([call()], headers)];
        for (const { status, body } of answers) {
          assert.equal(status, 400);
          assert.match(body, /Send one Idempotency-Key header/);
        }
      }
      assert.deepEqual(subject.executed, []);
    });
  });

  describe('meta', () => {
    it('belongs to its own call; the headers fill what it leaves out, and an authorization in it counts for nothing', async () => {
      const { headers, body } = await rpc(
        [
          call(undefined, 1),
          call({ requestId: 'r2', idempotencyKey: 'k2', deadlineMs: 20_000 }, 2),
          call({ traceparent: TRACEPARENT, authorization: 'Bearer t3' }, 3),
        ],
        ['x-request-id: r1', 'idempotency-key: k1', 'authorization: Bearer t1', 'user-agent: shop/1'],
      );
      const [first, second, third] = JSON.parse(body).map(({ result }: { result: object }) => result);
      const common = { authorization: 'Bearer t1', name: 'shop/1' };
      const times = [first, second, third].map(({ remainingMs }) => remainingMs);
      assert.deepEqual(
        [first, second, third].map(({ remainingMs: _, ...rest }) => rest),
        [
          { requestId: 'r1', idempotencyKey: 'k1', ...common },
          { requestId: 'r2', idempotencyKey: 'k2', ...common },
          { requestId: 'r1', idempotencyKey: 'k1', ...common, traceparent: TRACEPARENT },
        ],
      );
      assert.ok(times[0] > 20_000 && times[1] <= 20_000 && times[2] > 20_000, `${times}`);
      assert.equal(headers['x-request-id'], 'r1');
    });

    const withDeadline = (text: string): Promise<RawAnswer> => {
      const body = `{"jsonrpc":"2.0","id":1,"method":"metadata","meta":{"deadlineMs":${text}}}`;
      return sendRaw(server.port, requestBytes({ path: '/rpc', body }));
    };

    for (const text of ['1e15', '1e16', '1e400', '99999999999999999999', '9'.repeat(400), '100000.0']) {
      it(`a deadline of ${text.slice(0, 20)} leaves the method its own timeout`, async () => {
        const { body } = await withDeadline(text);
        const { remainingMs } = JSON.parse(body).result;
        assert.ok(remainingMs > 20_000 && remainingMs <= contract.methods.metadata.timeoutMs, `${remainingMs}`);
      });
    }

    for (const text of ['-1', '-1000000000000000', '-1e16', '-1e400', '-0', '-0.0', `-${'9'.repeat(400)}`]) {
      it(`a deadline of ${text.slice(0, 20)} has passed`, async () => {
        const { body } = await withDeadline(text);
        assert.equal(JSON.parse(body).error.data.code, 'deadline_exceeded');
        assert.deepEqual(subject.executed, []);
      });
    }

    for (const text of ['0.1234567890123456789', '-1.5', '1e-3']) {
      it(`a deadline of ${text} is no whole number and is refused`, async () => {
        const { body } = await withDeadline(text);
        assert.equal(JSON.parse(body).error.data.code, 'invalid_request');
      });
    }

    it('a traceparent that is none, or has text behind it, does not travel on as it came', async () => {
      const parent = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      for (const [given, travels] of [
        ['a\0b', undefined],
        ['x'.repeat(512), undefined],
        [`cc-${parent}-\0\ud800`, `00-${parent}`],
      ]) {
        const { body } = await rpc(call({ traceparent: given }));
        assert.equal(JSON.parse(body).result.traceparent, travels);
      }
    });

    it("has its own trace, which goes before the headers', and their tracestate with it", async () => {
      const other = TRACEPARENT.replace('4bf9', 'ffff');
      const { body } = await rpc(
        [
          call(undefined, 1),
          call({ traceparent: other }, 2),
          call({ traceparent: other, tracestate: 'b=2', baggage: 'y=2' }, 3),
          call({ tracestate: 'b=2' }, 4),
          call({ traceparent: 'nonsense', tracestate: 'b=2', baggage: '=' }, 5),
        ],
        [`traceparent: ${TRACEPARENT}`, 'tracestate: a=1', 'baggage: x=1'],
      );
      assert.deepEqual(
        JSON.parse(body).map(({ result }: { result: Record<string, string> }) => [
          result.traceparent,
          result.tracestate,
          result.baggage,
        ]),
        [
          [TRACEPARENT, 'a=1', 'x=1'],
          [other, undefined, 'x=1'],
          [other, 'b=2', 'y=2'],
          [TRACEPARENT, 'b=2', 'x=1'],
          [TRACEPARENT, 'a=1', 'x=1'],
        ],
      );
    });

    for (const trace of ['x'.repeat(100_000), 5, null, {}, ['a=1'], 'a\nb']) {
      it(`no call fails for a trace like ${JSON.stringify(trace).slice(0, 20)}`, async () => {
        const { body } = await rpc(call({ traceparent: trace, tracestate: trace, baggage: trace }));
        assert.deepEqual(Object.keys(JSON.parse(body).result).toSorted(), ['remainingMs', 'requestId']);
      });
    }

    it('no call fails for trace headers that are none', async () => {
      const headers = [
        'traceparent: 1',
        `traceparent: ${TRACEPARENT}`,
        'tracestate: A=1',
        'baggage: é=1',
        'baggage: ;',
      ];
      const { status, body } = await plain(headers);
      assert.deepEqual([status, Object.keys(JSON.parse(body)).toSorted()], [200, ['remainingMs', 'requestId']]);
    });

    it('a deadline that has passed ends its own call and no other', async () => {
      const { body } = await rpc([call({ deadlineMs: 0, requestId: 'r2' }, 1), call(undefined, 2)]);
      const [late, other] = JSON.parse(body);
      assert.deepEqual(late.error, {
        code: -32004,
        message: 'The call took longer than its deadline',
        data: { code: 'deadline_exceeded', requestId: 'r2' },
      });
      assert.ok(other.result);
      assert.deepEqual(subject.executed, ['metadata']);
    });

    it('a request id of no harmless form is replaced', async () => {
      const { body } = await rpc(call({ requestId: 'a b' }));
      assert.match(JSON.parse(body).result.requestId, UUID);
    });

    it('unknown members are ignored', async () => {
      const { body } = await rpc(call({ requestId: 'r2', name: 'admin', caller: 'admin', __proto__: null }));
      assert.deepEqual(Object.keys(JSON.parse(body).result).toSorted(), ['remainingMs', 'requestId']);
    });

    for (const [meta, message] of [
      [null, 'meta: Invalid input: expected object, received null'],
      [[], 'meta: Invalid input: expected object, received array'],
      ['x', 'meta: Invalid input: expected object, received string'],
      [1, 'meta: Invalid input: expected object, received number'],
      [{ deadlineMs: '100' }, 'meta/deadlineMs: Invalid input: expected number, received string'],
      [{ deadlineMs: 1.5 }, 'meta/deadlineMs: Invalid input: expected int, received number'],
      [{ deadlineMs: null }, 'meta/deadlineMs: Invalid input: expected number, received null'],
      [{ requestId: 1 }, 'meta/requestId: Invalid input: expected string, received number'],
      [{ idempotencyKey: '' }, 'meta/idempotencyKey: Too small: expected string to have >=1 characters'],
      [{ idempotencyKey: 'k'.repeat(256) }, 'meta/idempotencyKey: Too big: expected string to have <=255 characters'],
    ] as const) {
      it(`${JSON.stringify(meta).slice(0, 40)} is refused as the meta of a call`, async () => {
        const { status, body } = await rpc(call(meta), ['x-request-id: r1']);
        assert.deepEqual(
          [status, JSON.parse(body)],
          [
            200,
            {
              jsonrpc: '2.0',
              id: 1,
              error: {
                code: -32600,
                message: `Invalid request: ${message}`,
                data: { code: 'invalid_request', requestId: 'r1' },
              },
            },
          ],
        );
        assert.deepEqual(subject.executed, []);
      });
    }
  });

  describe('rpc.discover', () => {
    it('returns the document of /openrpc.json, number for number', async () => {
      const page = await sendRaw(server.port, requestBytes({ verb: 'GET', path: '/openrpc.json' }));
      const { body } = await rpc({ jsonrpc: '2.0', id: 1, method: 'rpc.discover' });
      assert.equal(body, `{"jsonrpc":"2.0","id":1,"result":${page.body}}`);
      assert.match(page.body, /"maximum":9223372036854775807/);
    });

    it('works within a batch, with params and with meta', async () => {
      const { body } = await rpc([
        { jsonrpc: '2.0', id: 1, method: 'rpc.discover', params: {} },
        { jsonrpc: '2.0', id: 2, method: 'rpc.discover', params: [], meta: { requestId: 'r2' } },
      ]);
      for (const { result } of JSON.parse(body)) assert.equal(result.info.title, 'subject');
    });
  });
});
