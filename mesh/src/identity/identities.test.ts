import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { meshPaths } from '../mesh-config.ts';
import type { ServiceName } from '../services.ts';
import { createIdentities, IDENTITIES, identityVariables, loadCaller } from './identities.ts';

describe('The identities of a mesh', () => {
  let folder: string;
  const paths = () => meshPaths(folder);
  const trustFile = () => join(paths().identity, 'trust.json');
  const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
  const keyFile = (name: ServiceName) => identityVariables(paths(), name).SERVICE_KEY_FILE;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-mesh-identities-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are a key for each service that only its owner reads, and one trust file without any private key', async () => {
    await createIdentities(paths());
    for (const name of IDENTITIES) {
      assert.equal(statSync(keyFile(name)).mode & 0o777, 0o600);
      const { d, ...publicKey } = readJson(keyFile(name));
      assert.equal(typeof d, 'string');
      assert.deepEqual(readJson(trustFile())[name], { keys: [publicKey] });
    }
    assert.deepEqual(Object.keys(readJson(trustFile())), IDENTITIES);
  });

  it('stay the same at the next run, with the further keys of a rotation', async () => {
    await createIdentities(paths());
    const trust = readJson(trustFile());
    trust.loms.keys.push({ ...trust.loms.keys[0], kid: 'next' });
    writeFileSync(trustFile(), JSON.stringify(trust));
    const keys = IDENTITIES.map((name) => readFileSync(keyFile(name), 'utf8'));
    await createIdentities(paths());
    assert.deepEqual(
      IDENTITIES.map((name) => readFileSync(keyFile(name), 'utf8')),
      keys,
    );
    assert.deepEqual(readJson(trustFile()), trust);
  });

  it('are completed in a folder that lacks some', async () => {
    await createIdentities(paths());
    const before = readJson(keyFile('loms'));
    rmSync(keyFile('loms'));
    await createIdentities(paths());
    const kids = readJson(trustFile()).loms.keys.map(({ kid }: { kid: string }) => kid);
    assert.deepEqual(kids, [readJson(keyFile('loms')).kid, before.kid]);
    assert.equal(existsSync(`${trustFile()}.new`), false);
  });

  it('are refused in one sentence where a file is broken', async () => {
    await createIdentities(paths());
    for (const text of ['', '{}', '{"kty":"RSA"}']) {
      writeFileSync(keyFile('gateway'), text);
      assert.throws(() => loadCaller(paths()), {
        name: 'Failure',
        message: `${keyFile('gateway')} cannot be read: remove the file, and start the mesh again to create a new one.`,
      });
    }
  });
});
