import assert from 'node:assert/strict';
import { ROLE_CONNECTIONS_MAX } from 'service-kit/provision';
import { DATABASES } from '../services.ts';
import { localPgbouncerConfig } from './pgbouncer-config.ts';

/** Comments and blank lines are not settings. */
function settingsOf(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => /^[^;[].* = ?/.test(line) || /^\w+ =$/.test(line));
  return new Map(lines.map((line) => [line.split(' = ')[0] ?? '', line.split(' = ').slice(1).join(' = ')]));
}

describe('The configuration of a local pgbouncer', () => {
  for (const service of DATABASES) {
    const options = { name: service, like: service, database: service, port: 16432, postgresPort: 15432 };
    const text = localPgbouncerConfig({ ...options, users: { [service]: 'secret' } }, '/data/users');
    const settings = settingsOf(text);

    it(`is that of ${service} in Docker, with the addresses of this machine`, () => {
      assert.equal(settings.get(service), 'host=127.0.0.1 port=15432');
      assert.equal(settings.get('listen_addr'), '127.0.0.1');
      assert.equal(settings.get('listen_port'), '16432');
      assert.equal(settings.get('auth_file'), '/data/users');
      assert.equal(settings.get('stats_users'), service);
      assert.doesNotMatch(text, /%include|postgres-|secret"/);
    });

    it(`lends ${service} connections for a transaction, and fewer than its role may have`, () => {
      assert.equal(settings.get('pool_mode'), 'transaction');
      assert.equal(settings.get('default_pool_size'), settings.get('max_db_connections'));
      assert.ok(Number(settings.get('max_db_connections')) < ROLE_CONNECTIONS_MAX);
    });
  }

  it('serves every database of the tests', () => {
    const users = { loms: 'a', checkout: 'b' };
    const options = { name: 'tests', like: 'loms' as const, database: '*', port: 1, postgresPort: 2, users };
    const settings = settingsOf(localPgbouncerConfig(options, '/data/users'));
    assert.equal(settings.get('*'), 'host=127.0.0.1 port=2');
    assert.equal(settings.get('stats_users'), 'loms, checkout');
  });
});
