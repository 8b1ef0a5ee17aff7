import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from './mesh-config.ts';

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

  it('pin every image, name no container and publish on the loopback interface only', () => {
    const compose = read('docker-compose.yml');
    const images = [...compose.matchAll(/^ +image: (\S+)$/gm)].map(([, image]) => image ?? '');
    assert.ok(images.length >= 9);
    assert.deepEqual(
      images.filter((image) => !/:[^:]*[\d}]/.test(image) || image.endsWith(':latest')),
      [],
    );
    assert.doesNotMatch(compose, /container_name/);
    const published = [...compose.matchAll(/"([^"]*\$\{\w+_PORT:-\d+\}[^"]*)"/g)].map(([, port]) => port ?? '');
    assert.ok(published.length >= 8);
    assert.deepEqual(
      published.filter((port) => !port.startsWith('127.0.0.1:')),
      [],
    );
  });
});
