import assert from 'node:assert/strict';
import { onEachHost, type TestServer } from '../mounts/hosts.ts';
import { requestBytes, sendRaw } from './raw-http.ts';
import { createSubject } from './subject.ts';

/** A type, spellings, and the number that each is answered with. */
const TAKEN: [type: string, spellings: string[], answer: string][] = [
  ['int64', ['1e18', '1E+18', '1000000000000000000.0', '10000000000000000000e-1'], '1000000000000000000'],
  ['int64', ['-9.223372036854775808e18', '-9223372036854775808.000'], '-9223372036854775808'],
  ['int64', ['12345678901234567890e-1', '1.234567890123456789e+18'], '1234567890123456789'],
  ['uint64', ['1e16', '10000000000000000'], '10000000000000000'],
  ['uint64', ['18446744073709551615.0', '1844674407370955161500e-2'], '18446744073709551615'],
  ['uint32', ['4294967295.0', '4.294967295e9', '42949672950000000000000e-13'], '4294967295'],
  ['uint16', ['1e2', '100.0', '1000e-1', `100.${'0'.repeat(1_000)}`, `1${'0'.repeat(100_000)}e-99998`], '100'],
  ['uint16', ['0.0', '-0', '-0.0', '0e999999999', '0E-999999999'], '0'],
];

const REFUSED: [type: string, spellings: string[]][] = [
  ['int64', ['9223372036854775808', '9.3e18', '-1e19', '1e999999999', '15e-1', '1e-1', '9'.repeat(100_000)]],
  ['uint64', ['-1', '-1e-999999999', '18446744073709551616.0', '2e19', '1e-999999999']],
  ['uint32', ['4294967296', '4294967295.5', '1e18', '-1.0', '99999999999999999999']],
  ['uint16', ['65536.0', '65535.0000000000000001', '6.5536e4', '1e400', `0.${'0'.repeat(100_000)}1`]],
];

onEachHost('a JSON number is judged by its value', {}, ({ serve, it }) => {
  let server: TestServer;
  before(async () => {
    server = await serve(createSubject().service);
  });
  after(() => server.close());

  const post = (path: string, body: string) => sendRaw(server.port, requestBytes({ path, body }));

  for (const [type, spellings, answer] of TAKEN) {
    it(`${answer} as ${type}, however it is spelled`, async () => {
      for (const spelling of spellings) {
        assert.equal((await post('/echo', `{"${type}":${spelling}}`)).body, `{"${type}":${answer}}`, spelling);
        const call = `{"jsonrpc":"2.0","id":1.0,"method":"echo","params":{"${type}":${spelling}}}`;
        assert.equal((await post('/rpc', call)).body, `{"jsonrpc":"2.0","id":1.0,"result":{"${type}":${answer}}}`);
      }
    });
  }

  for (const [type, spellings] of REFUSED) {
    it(`what ${type} does not hold is refused and never rounded`, async () => {
      for (const spelling of spellings) {
        const { status, body } = await post('/echo', `{"${type}":${spelling}}`);
        assert.equal(status, 400, spelling);
        const { code, details } = JSON.parse(body).error;
        assert.equal(code, 'invalid_params');
        assert.equal(details.issues[0].path, type);
        assert.match(details.issues[0].message, /^expected a whole number from -?\d+ to \d+$/);
      }
    });
  }

  it('in meta too: a deadline that is no whole number is refused', async () => {
    const callWith = async (deadlineMs: string) => {
      const body = `{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2,3],"meta":{"deadlineMs":${deadlineMs}}}`;
      return (await post('/rpc', body)).body;
    };
    for (const text of ['1e3', '1000.0', '1e18', '1000000000000000000.0', '1e999999999', '9'.repeat(100_000)])
      assert.equal(await callWith(text), '{"jsonrpc":"2.0","id":1,"result":6}', text);
    for (const text of ['1e-400', '15e-1', `0.${'0'.repeat(100_000)}1`, '9007199254740993.5'])
      assert.match(await callWith(text), /"code":"invalid_request"/, text);
  });

  it('by position too', async () => {
    const sum = (params: string) => post('/rpc', `{"jsonrpc":"2.0","id":1,"method":"sum","params":${params}}`);
    assert.equal((await sum('[1e2,20.0,3000000000000000000000e-21]')).body, '{"jsonrpc":"2.0","id":1,"result":123}');
    assert.match((await sum('[1e18,2,3]')).body, /"code":"invalid_params"/);
  });
});
