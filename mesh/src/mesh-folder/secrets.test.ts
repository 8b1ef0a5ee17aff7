import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { meshPaths } from '../mesh-config.ts';
import { DATABASES } from '../services.ts';
import { createSecrets, loadSecrets } from './secrets.ts';

describe('The secrets of a mesh folder', () => {
  const paths = meshPaths(mkdtempSync(join(tmpdir(), 'secrets-')));
  after(() => rmSync(paths.directory, { recursive: true }));
  beforeEach(() => rmSync(paths.secrets, { force: true }));

  it('are generated once, for this user only, and long enough to derive keys from', () => {
    const secrets = loadSecrets(paths);
    assert.deepEqual(loadSecrets(paths), secrets);
    assert.equal(statSync(paths.secrets).mode & 0o777, 0o600);
    const all = [secrets.superuser, ...Object.values(secrets.services), ...Object.values(secrets.keys)];
    assert.equal(new Set(all).size, 1 + DATABASES.length + 2);
    assert.ok(all.every((secret) => secret.length >= 32));
  });

  it('keep those of an earlier version, and gain those that it lacked', () => {
    const { superuser, services } = createSecrets();
    const earlier = { superuser, services: { products: services.products, loms: services.loms } };
    writeFileSync(paths.secrets, JSON.stringify(earlier));
    const secrets = loadSecrets(paths);
    assert.equal(secrets.superuser, superuser);
    assert.deepEqual({ ...secrets.services, ...earlier.services }, secrets.services);
    assert.deepEqual(Object.keys(secrets.services).sort(), DATABASES.toSorted());
    assert.deepEqual(JSON.parse(readFileSync(paths.secrets, 'utf8')), secrets);
    assert.deepEqual(loadSecrets(paths), secrets);
  });

  it('are not generated anew for a database that exists', () => {
    mkdirSync(join(paths.postgres, 'data'), { recursive: true });
    assert.throws(() => loadSecrets(paths), { name: 'Failure', message: /secrets\.json is missing/ });
    writeFileSync(paths.secrets, '{');
    assert.throws(() => loadSecrets(paths), { name: 'Failure', message: /secrets\.json cannot be read/ });
  });
});
