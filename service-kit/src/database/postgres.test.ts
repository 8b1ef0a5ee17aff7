import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SHELL = {
  PGHOST: 'elsewhere.invalid',
  PGPORT: '1',
  PGUSER: 'stranger',
  PGPASSWORD: 'stranger',
  PGDATABASE: 'elsewhere',
  PGSSLMODE: 'require',
  PGSSLNEGOTIATION: 'direct',
  PGOPTIONS: '-c search_path=nowhere',
  PGAPPNAME: 'psql',
  PGSERVICE: 'elsewhere',
  PGREQUIRESSL: '1',
  PGCONNECT_TIMEOUT: '1',
  PGCLIENTENCODING: 'LATIN1',
  PGCLIENT_ENCODING: 'LATIN1',
  PGBINARY: '1',
  PGREPLICATION: 'database',
  NODE_PG_FORCE_NATIVE: '1',
  USER: 'stranger',
};

/** What a process that was started with these variables makes of the URL, and what its children would inherit. */
function readByProcess(
  url: string,
  variables: NodeJS.ProcessEnv,
): { client: Record<string, unknown>; names: string[] } {
  const script = `
    const { pg } = await import(${JSON.stringify(join(import.meta.dirname, 'postgres.ts'))});
    const { user, password, host, port, database, ssl, connectionParameters } = new pg.Client({ connectionString: ${JSON.stringify(url)} });
    const { options, application_name, client_encoding, replication, binary } = connectionParameters;
    const client = { user, password, host, port, database, ssl, options, application_name, client_encoding, replication, binary };
    console.log(JSON.stringify({ client, names: Object.keys(process.env) }));
  `;
  const words = ['--input-type=module', '--eval', script];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8', env: variables }));
}

describe('The driver of Postgres', () => {
  const url = 'postgres://loms:secret@127.0.0.1:5/loms';
  const { PATH } = process.env;

  it('reads a URL in the same way whatever PG variables the shell has', () => {
    const plain = readByProcess(url, { PATH });
    assert.deepEqual(readByProcess(url, { PATH, ...SHELL }).client, plain.client);
    assert.equal(plain.client.host, '127.0.0.1');
    assert.equal(plain.client.ssl, false);
  });

  it('passes none of them on to child processes, and keeps variables with similar names', () => {
    const { names } = readByProcess(url, { PATH, ...SHELL, PGBENCH: '/opt/pgbench', PG_COLOR: 'auto' });
    assert.deepEqual(
      names.filter((name) => /PG/.test(name)),
      ['PGBENCH', 'PG_COLOR'],
    );
  });

  it('reads no password from ~/.pgpass and no role from the system', () => {
    const home = mkdtempSync(join(tmpdir(), 'order-mesh-pgpass-'));
    try {
      const file = join(home, '.pgpass');
      writeFileSync(file, '*:*:*:*:stranger\n', { mode: 0o600 });
      const { client } = readByProcess('postgres://127.0.0.1:5/loms', {
        PATH,
        HOME: home,
        PGPASSFILE: file,
        USER: 'me',
      });
      // Null would make the driver read the file at the first connection.
      assert.deepEqual([client.user, client.password], ['', '']);
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});
