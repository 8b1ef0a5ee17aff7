import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';
import { COMPOSE_PORTS, composeFiles, refuseWrongPorts } from './docker-compose.ts';

const read = (path: string): string => readFileSync(join(PROJECT_DIRECTORY, path), 'utf8');

describe('The files for Docker', () => {
  it('copy the package.json of every workspace before npm ci, which wants to see them all', () => {
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
    const dockerfile = read('Dockerfile');
    const missing = workspaces.filter((name) => !dockerfile.includes(`COPY ${name}/package.json ${name}/\n`));
    assert.deepEqual(missing, []);
  });

  it('let nothing into the image that .dockerignore does not name', () => {
    assert.match(read('.dockerignore'), /^\*$/m);
  });

  it('let the package.json of every workspace into the build', () => {
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
    const patterns = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    // The last pattern that matches the file, or a folder that it is in, decides.
    const decides = (path: string): string | undefined =>
      patterns.findLast((line) => {
        const pattern = line.replace(/^!/, '');
        return matchesGlob(path, pattern) || matchesGlob(dirname(path), pattern);
      });
    const missing = workspaces.filter((name) => !decides(`${name}/package.json`)?.startsWith('!'));
    assert.deepEqual(missing, []);
  });

  it('pin every image, name no container and publish on the loopback interface only', () => {
    const compose = [read('docker-compose.yml'), read('docker-compose.ports.yml')].join('');
    const images = [...compose.matchAll(/^ +image: (\S+)$/gm)].map(([, image]) => image ?? '');
    assert.ok(images.length >= 9);
    assert.deepEqual(
      images.filter((image) => !/:[^:]*[\d}]/.test(image) || image.endsWith(':latest')),
      [],
    );
    assert.doesNotMatch(compose, /container_name/);
    const published = [...compose.matchAll(/"([^"]*\$\{\w+_PORT:-\d+\}[^"]*)"/g)].map(([, port]) => port ?? '');
    assert.ok(published.length >= 10);
    assert.deepEqual(
      published.filter((port) => !port.startsWith('127.0.0.1:')),
      [],
    );
  });
});

describe('The files of Compose', () => {
  it('are chosen by EVENTS and CALLS', () => {
    const chosen = (EVENTS?: string, CALLS?: string) =>
      composeFiles({ EVENTS, CALLS }).filter((word) => word !== '--file');
    assert.deepEqual(chosen(), []);
    assert.deepEqual(chosen('kafka', 'json'), []);
    assert.deepEqual(chosen('rpc', ''), ['docker-compose.yml', 'docker-compose.rpc.yml']);
    assert.deepEqual(chosen('', 'grpc'), ['docker-compose.yml', 'docker-compose.grpc.yml']);
    assert.deepEqual(chosen('rpc', 'grpc'), [
      'docker-compose.yml',
      'docker-compose.rpc.yml',
      'docker-compose.grpc.yml',
    ]);
    assert.throws(() => chosen('Kafka'), { message: 'EVENTS is "Kafka", but has to be kafka or rpc.' });
    assert.throws(() => chosen('', 'rpc'), { message: 'CALLS is "rpc", but has to be json or grpc.' });
  });

  it('call every service over gRPC on the port where it serves it', () => {
    const served = [...read('docker-compose.yml').matchAll(/GRPC_PORT: "(\d+)"/g)].map(([, port]) => port);
    assert.equal(served.length, 5);
    const called = [...read('docker-compose.grpc.yml').matchAll(/dns\+grpc:\/\/\w+:(\d+)/g)].map(([, port]) => port);
    assert.deepEqual([...new Set(called)].sort(), served.sort());
  });
});

describe('The ports of the containers', () => {
  it('are all looked at', () => {
    const files = ['docker-compose.yml', 'docker-compose.ports.yml'].map(read).join('');
    const published = [...files.matchAll(/127\.0\.0\.1:\$\{(\w+_PORT):-/g)].map(([, name]) => name);
    assert.deepEqual([...COMPOSE_PORTS].sort(), published.sort());
  });

  it('are refused in sentences, all at once, before Docker is asked', () => {
    refuseWrongPorts({ LOMS_PORT: '', GRAFANA_PORT: '3001' });
    assert.throws(() => refuseWrongPorts({ LOMS_PORT: ' ', GRAFANA_PORT: '0x50' }), {
      name: 'Failure',
      message:
        'LOMS_PORT is " ", but has to be a whole number from 1 to 65535. ' +
        'GRAFANA_PORT is "0x50", but has to be a whole number from 1 to 65535.',
    });
  });
});
