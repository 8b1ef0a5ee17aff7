import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { vendoredCodec, vendoredFiles } from 'rpc-kit/grpc';

const again = (typeName: string, value: unknown): unknown => {
  const codec = vendoredCodec(typeName);
  return codec.decode(codec.encode(value));
};

describe('The vendored messages', () => {
  it('carry a status with its details', () => {
    const info = { reason: 'out_of_stock', domain: 'loms', metadata: { code: 'failed_precondition', __proto__x: '' } };
    const value = vendoredCodec('google.rpc.ErrorInfo').encode(info);
    const status = {
      code: 9,
      message: 'No',
      details: [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value }],
    };
    const read = again('google.rpc.Status', status) as typeof status;
    assert.deepEqual(vendoredCodec('google.rpc.ErrorInfo').decode(read.details[0]?.value as Uint8Array), info);
    assert.deepEqual({ code: read.code, message: read.message }, { code: 9, message: 'No' });
  });

  it('keep a map key that JavaScript treats specially', () => {
    const info = { reason: '', domain: '', metadata: JSON.parse('{"__proto__": "here"}') };
    assert.deepEqual(again('google.rpc.ErrorInfo', info), info);
  });

  it('carry a delay, the violations of params and a request id', () => {
    assert.deepEqual(again('google.rpc.RetryInfo', { retryDelay: { seconds: 1, nanos: 500_000_000 } }), {
      retryDelay: { seconds: 1, nanos: 500_000_000 },
    });
    const violations = { fieldViolations: [{ field: 'user', description: 'expected a number', reason: '' }] };
    assert.deepEqual(again('google.rpc.BadRequest', violations), violations);
    assert.deepEqual(again('google.rpc.RequestInfo', { requestId: 'r1' }), { requestId: 'r1', servingData: '' });
  });

  it('carry states of health, also the unspecified one', () => {
    assert.deepEqual(again('grpc.health.v1.HealthCheckResponse', { status: 'SERVING' }), { status: 'SERVING' });
    assert.deepEqual(again('grpc.health.v1.HealthCheckResponse', {}), { status: 'UNKNOWN' });
  });

  it('keep the last member of a oneof only, also an empty one', () => {
    const codec = vendoredCodec('grpc.reflection.v1.ServerReflectionRequest');
    const bytes = Buffer.concat([codec.encode({ fileByFilename: 'a.proto' }), codec.encode({ listServices: '' })]);
    assert.deepEqual(codec.decode(bytes), { host: '', listServices: '' });
  });

  it('carry the descriptors of a reflection answer', () => {
    const answer = {
      validHost: '',
      originalRequest: { host: 'h', fileContainingSymbol: 'x.Y' },
      fileDescriptorResponse: { fileDescriptorProto: [new Uint8Array([1, 2])] },
    };
    for (const version of ['v1', 'v1alpha']) {
      assert.deepEqual(again(`grpc.reflection.${version}.ServerReflectionResponse`, answer), answer);
    }
  });

  it('are compiled from the files beside them', () => {
    const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
    const folder = fileURLToPath(new URL('../../proto', import.meta.url));
    const options = ['--exclude-source-info', '--as-file-descriptor-set', '-o', '-'];
    const compiled = execFileSync(process.execPath, [buf, 'build', folder, ...options]);
    const kept = readFileSync(new URL('../../src/grpc/schema/vendored.binpb', import.meta.url));
    assert.ok(compiled.equals(kept), 'run make vendor-proto');
  });

  it('list their files, imports first', () => {
    const names = vendoredFiles.map(({ name }) => name);
    assert.ok(names.indexOf('google/protobuf/any.proto') < names.indexOf('google/rpc/status.proto'));
    assert.throws(() => vendoredCodec('google.rpc.Nothing'), TypeError);
  });
});
