import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeIdentities } from './identity-secrets.ts';

describe('The identities of containers', () => {
  let parent: string;
  const folders = () => new Map(['loms', 'gateway'].map((name) => [name, join(parent, name)]));
  const writeAll = (renew: boolean) =>
    writeIdentities(folders(), renew, (path, lines) => writeFileSync(path, lines.join('\n')));
  const read = (name: string, file: string) => JSON.parse(readFileSync(join(parent, name, file), 'utf8'));
  const kids = (name: string) => read('loms', 'trust.json')[name].keys.map(({ kid }: { kid: string }) => kid);

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'order-mesh-secrets-'));
    for (const folder of folders().values()) mkdirSync(folder);
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  it('are created once, each private key for its own service, and trusted by all', async () => {
    await writeAll(false);
    const trust = read('loms', 'trust.json');
    assert.deepEqual(read('gateway', 'trust.json'), trust);
    assert.doesNotMatch(JSON.stringify(trust), /"d":/);
    for (const name of folders().keys()) assert.deepEqual(kids(name), [read(name, 'identity.json').kid]);
    await writeAll(false);
    assert.deepEqual(read('loms', 'trust.json'), trust);
  });

  it('are renewed with the previous key still trusted, and no older one', async () => {
    await writeAll(false);
    const first = read('loms', 'identity.json').kid;
    await writeAll(true);
    const second = read('loms', 'identity.json').kid;
    assert.deepEqual(kids('loms'), [second, first]);
    await writeAll(true);
    assert.deepEqual(kids('loms'), [read('loms', 'identity.json').kid, second]);
  });
});
