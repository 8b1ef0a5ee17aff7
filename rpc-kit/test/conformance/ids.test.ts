import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HTTP_LIMITS } from 'rpc-kit';
import { onEachHost, type TestServer } from '../mounts/hosts.ts';
import { type RawAnswer, requestBytes, sendRaw } from './raw-http.ts';
import { createSubject } from './subject.ts';

const LONGEST = HTTP_LIMITS.idLengthMax;

onEachHost('ids over HTTP', {}, ({ serve, it }) => {
  let server: TestServer;
  const ask = (id: string): Promise<RawAnswer> => {
    const body = `{"jsonrpc":"2.0","id":${id},"method":"sum","params":[1,2,4]}`;
    return sendRaw(server.port, requestBytes({ path: '/rpc', headers: ['x-request-id: r1'], body }));
  };

  before(async () => {
    server = await serve(createSubject().service);
  });
  after(() => server.close());

  for (const id of [
    '1',
    '0',
    '-1',
    '12345678901234567890',
    '-12345678901234567890',
    '9007199254740993',
    '1.5',
    '0.1234567890123456789',
    '1e400',
    '1.0',
    '-0',
    '1e2',
    '1.50',
    '1E-400',
    '9007199254740993.0',
    '""',
    '"1"',
    '"\\ud800"',
    '"\\u0000"',
    '"заказ"',
    JSON.stringify('x'.repeat(LONGEST)),
    '9'.repeat(LONGEST),
    `0.${'3'.repeat(LONGEST - 2)}`,
  ]) {
    it(`the id ${shortened(id)} is echoed unchanged`, async () => {
      const { status, body } = await ask(id);
      assert.equal(status, 200);
      assert.equal(body, `{"jsonrpc":"2.0","id":${id},"result":7}`);
    });
  }

  it('the id null is a call and not a notification', async () => {
    const { body } = await ask('null');
    assert.equal(body, '{"jsonrpc":"2.0","id":null,"result":7}');
  });

  it('any whole number up to 40 digits is echoed digit for digit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), async (id) => {
        const { body } = await ask(id.toString());
        assert.equal(body, `{"jsonrpc":"2.0","id":${id},"result":7}`);
      }),
      { numRuns: 50 },
    );
  });

  for (const id of [
    '{}',
    '[]',
    '[1]',
    '{"rawJSON":"1"}',
    'true',
    'false',
    JSON.stringify('x'.repeat(LONGEST + 1)),
    '9'.repeat(LONGEST + 1),
    `0.${'3'.repeat(LONGEST - 1)}`,
  ]) {
    it(`the id ${shortened(id)} is refused and not echoed`, async () => {
      const { status, body } = await ask(id);
      assert.equal(status, 200);
      assert.deepEqual(JSON.parse(body), {
        jsonrpc: '2.0',
        id: null,
        error: { code: -32600, message: 'Invalid request', data: { code: 'invalid_request', requestId: 'r1' } },
      });
    });
  }
});

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 20)}… of ${text.length} characters` : text;
}
