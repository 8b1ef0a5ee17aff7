import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PROJECT_DIRECTORY } from 'mesh';
import { createEmptyTestDatabase } from 'testing';
import { createPart, readTestFolder } from '../src/test-folder.ts';

/** Each of them alone would break or redirect a connection. */
const SHELL = {
  PGHOST: 'elsewhere.invalid',
  PGUSER: 'stranger',
  PGPASSWORD: 'stranger',
  PGSSLMODE: 'require',
  PGREQUIRESSL: '1',
  PGOPTIONS: '-c search_path=nowhere',
  PGSERVICE: 'elsewhere',
  PGTARGETSESSIONATTRS: 'standby',
  PGCONNECT_TIMEOUT: 'soon',
  PGCLIENTENCODING: 'LATIN1',
  NODE_PG_FORCE_NATIVE: '1',
};

async function migrate(variables: NodeJS.ProcessEnv, ...words: string[]): Promise<{ code: unknown; said: string }> {
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'service-kit/src/migrate-cli.ts'), ...words], {
    env: { PATH: process.env.PATH, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, 'exit');
  return { code, said: (await said).join('') };
}

describe('A migrator', () => {
  it('uses the database of its URL and ignores PG variables of the shell', async () => {
    await using database = await createEmptyTestDatabase('products');
    const { code, said } = await migrate({ ...SHELL, DATABASE_URL: database.directUrl }, 'up', 'products');
    assert.match(said, /^products: applied 0001-/);
    assert.equal(code, 0);
  });

  it('reads no password from ~/.pgpass', async () => {
    await using database = await createEmptyTestDatabase('products');
    const url = new URL(database.directUrl);
    const home = createPart(readTestFolder(), 'home-with-pgpass').directory;
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, '.pgpass'), `*:*:*:*:${url.password}\n`, { mode: 0o600 });
    url.password = '';
    const { code, said } = await migrate({ HOME: home, DATABASE_URL: url.href }, 'status', 'products');
    assert.match(said, /^The database at \S+ cannot be reached: [^\n]*password[^\n]*\n$/);
    assert.equal(code, 1);
  });

  for (const [query, complaint] of [
    ['?sslmode=verify-full', /^The database at \S+ cannot be reached: [^\n]*SSL[^\n]*\n$/],
    ['?sslmode=on', /^DATABASE_URL is wrong: its option sslmode has to be one of [^\n]*\.\n$/],
    ['?options=-c%20x', /^DATABASE_URL is wrong: its option "options" is not supported: [^\n]*\.\n$/],
  ] as const) {
    it(`heeds ${query} of its URL, or refuses it in one sentence`, async () => {
      await using database = await createEmptyTestDatabase('products');
      const { code, said } = await migrate({ DATABASE_URL: `${database.directUrl}${query}` }, 'status', 'products');
      assert.match(said, complaint);
      assert.equal(code, 1);
    });
  }
});
