import assert from 'node:assert/strict';
import { join } from 'node:path';
import { grpcPort, listPorts, loadMeshConfig, PROJECT_DIRECTORY, peerUrl } from './mesh-config.ts';
import { DATABASES, SERVICES } from './services.ts';

describe('The configuration of a local mesh', () => {
  it('has the documented ports and keeps its data in .mesh', () => {
    const config = loadMeshConfig({});
    assert.deepEqual(config.ports, {
      gateway: 8000,
      checkout: 8080,
      loms: 8081,
      notifications: 8082,
      products: 8083,
      accounts: 8084,
    });
    assert.equal(config.directory, join(PROJECT_DIRECTORY, '.mesh'));
  });

  it('reads ports and folder from the environment, where an empty variable counts as unset', () => {
    const config = loadMeshConfig({ LOMS_PORT: '9081', CHECKOUT_PORT: '', MESH_DIR: '/elsewhere' });
    assert.equal(config.ports.loms, 9081);
    assert.equal(config.ports.checkout, 8080);
    assert.equal(config.directory, '/elsewhere');
    assert.equal(loadMeshConfig({ MESH_DIR: '' }).directory, join(PROJECT_DIRECTORY, '.mesh'));
  });

  it('waits for the disk unless MESH_FSYNC is off, and refuses other values', () => {
    assert.deepEqual(
      [undefined, '', 'on', 'off'].map((MESH_FSYNC) => loadMeshConfig({ MESH_FSYNC }).fsync),
      [true, true, true, false],
    );
    assert.throws(() => loadMeshConfig({ MESH_FSYNC: 'no' }), {
      name: 'Failure',
      message: 'MESH_FSYNC is "no", but has to be on or off.',
    });
  });

  it('gives each pgbouncer its own consecutive port', () => {
    const config = loadMeshConfig({ MESH_PGBOUNCER_PORT: '6432' });
    assert.deepEqual(Object.values(config.pgbouncerPorts).sort(), [6432, 6433, 6434, 6435, 6436]);
  });

  it('names the variable that moves a port', () => {
    const ports = listPorts(loadMeshConfig({}), false);
    assert.deepEqual(ports.at(-1), { port: 15432, variable: 'MESH_POSTGRES_PORT' });
    assert.equal(ports.length, SERVICES.length + DATABASES.length + 1);
  });

  it('lets services call each other over gRPC with CALLS=grpc, on their ports plus 1000', () => {
    const config = loadMeshConfig({ CALLS: 'grpc', LOMS_PORT: '7001' });
    assert.equal(grpcPort(config, 'loms'), 8001);
    assert.equal(grpcPort(config, 'gateway'), undefined);
    assert.equal(peerUrl(config, 'loms'), 'grpc://127.0.0.1:8001');
    assert.equal(peerUrl(config, 'gateway'), 'http://127.0.0.1:8000');
    assert.equal(peerUrl(loadMeshConfig({ CALLS: 'grpc', TLS: 'on' }), 'loms'), 'grpcs://127.0.0.1:9081');
    assert.equal(peerUrl(loadMeshConfig({}), 'loms'), 'http://127.0.0.1:8081');
  });

  it('reports all wrong variables at once', () => {
    assert.throws(() => loadMeshConfig({ LOMS_PORT: ' ', MESH_KAFKA_PORT: '65535', EVENTS: 'Kafka' }), {
      name: 'Failure',
      message:
        'LOMS_PORT is " ", but has to be a port between 1 and 64535. EVENTS is "Kafka", but has to be rpc or kafka. ' +
        'MESH_KAFKA_PORT is "65535", but has to be a port between 1 and 65534.',
    });
  });

  for (const value of ['0', '65536', '80.5', 'http', '-1', '0x50', ' ', ' 80', '+80', '1e3', '٨٠', '9'.repeat(30)]) {
    it(`refuses ${value} as a port`, () => {
      assert.throws(() => loadMeshConfig({ LOMS_PORT: value }), {
        name: 'Failure',
        message: `LOMS_PORT is "${value}", but has to be a port between 1 and 64535.`,
      });
    });
  }

  it('refuses a folder whose name holds a line break', () => {
    assert.throws(() => loadMeshConfig({ MESH_DIR: 'a\nb' }), {
      name: 'Failure',
      message: 'MESH_DIR is "a\\nb", but has to be a path without control characters.',
    });
  });

  it('requires a valid port for the last pgbouncer, too', () => {
    assert.equal(loadMeshConfig({ MESH_PGBOUNCER_PORT: '65531' }).pgbouncerPorts.checkout, 65_535);
    assert.throws(() => loadMeshConfig({ MESH_PGBOUNCER_PORT: '65532' }), /between 1 and 65531/);
  });

  it('refuses a port that is set twice', () => {
    assert.throws(() => loadMeshConfig({ LOMS_PORT: '8080' }), /Port 8080 is set twice/);
  });
});
