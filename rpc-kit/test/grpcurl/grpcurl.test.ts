import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { GrpcServer } from 'rpc-kit/grpc';
import { serveSubject } from '../grpc/subject.ts';

const run = promisify(execFile);
/** `npm test` finds it, or compiles it. */
const GRPCURL = process.env.GRPCURL ?? 'grpcurl';
const SERVICE = 'test.subject.v1.SubjectService';

describe('grpcurl, which knows no .proto file', () => {
  let server: GrpcServer;
  before(async () => {
    server = await serveSubject();
  });
  after(() => server.close(0));

  const grpcurl = async (options: readonly string[], ...rest: readonly string[]): Promise<string> => {
    const { stdout } = await run(GRPCURL, [
      '-plaintext',
      '-max-time',
      '30',
      ...options,
      `127.0.0.1:${server.port}`,
      ...rest,
    ]);
    return stdout;
  };
  const failureOf = (options: readonly string[], ...rest: readonly string[]): Promise<string> =>
    grpcurl(options, ...rest).then(
      () => assert.fail('the call has succeeded'),
      ({ stdout, stderr }) => stdout + stderr,
    );

  it('lists the services', async () => {
    assert.deepEqual((await grpcurl([], 'list')).trim().split('\n'), [
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      SERVICE,
    ]);
  });

  it('describes all of them, every method and every message', async () => {
    const all = await grpcurl([], 'describe');
    assert.match(
      all,
      /rpc Echo \( \.test\.subject\.v1\.EchoRequest \) returns \( \.test\.subject\.v1\.EchoResponse \);/,
    );
    assert.match(all, /rpc Count \( \.test\.subject\.v1\.CountRequest \) returns \( stream \.test/);
    for (const [, type = ''] of all.matchAll(/\( (?:stream )?\.([\w.]+) \)/g)) {
      assert.match(await grpcurl([], 'describe', type), /is a message/);
    }
  });

  it('says that a symbol is not declared', async () => {
    assert.match(await failureOf([], 'describe', 'test.subject.v1.Nothing'), /not found|not declared/i);
  });

  it('calls a method, with 64-bit numbers and times', async () => {
    const params = { text: 'снова', big: '9223372036854775807', at: '2026-01-31T12:00:00.005Z', list: [1] };
    const answer = await grpcurl(['-d', JSON.stringify(params)], `${SERVICE}/Echo`);
    assert.deepEqual(JSON.parse(answer), params);
  });

  it('reads a stream', async () => {
    const answer = await grpcurl(['-d', '{"to":3}'], `${SERVICE}/Count`);
    assert.deepEqual(JSON.parse(`[${answer.trim().replaceAll('}\n{', '},{')}]`), [
      { number: 1 },
      { number: 2 },
      { number: 3 },
    ]);
  });

  it('shows an error with all of its details', async () => {
    const text = await failureOf(['-d', '{"missing":2}'], `${SERVICE}/Sell`);
    assert.match(text, /Code: FailedPrecondition\s+Message: Not enough/);
    assert.match(
      text,
      /"@type": "type.googleapis.com\/google.rpc.ErrorInfo",[^}]*"domain": "test.subject.v1.SubjectService"/,
    );
    assert.match(text, /OutOfStockDetails",\s+"missing": \[\s+1,\s+2\s+\],\s+"orderID": "1152921504606846976"/);
    assert.match(text, /google.rpc.RequestInfo",\s+"requestId": "[\w-]+"/);
  });

  it('asks for the health', async () => {
    assert.deepEqual(JSON.parse(await grpcurl([], 'grpc.health.v1.Health/Check')), { status: 'SERVING' });
  });
});
