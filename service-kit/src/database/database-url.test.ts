import assert from 'node:assert/strict';
import { join } from 'node:path';
import { parseDatabaseUrl } from './database-url.ts';

const file = join(import.meta.dirname, 'database-url.ts');

describe('The URL of a database', () => {
  for (const url of [
    'postgres://loms:secret@127.0.0.1:5432/loms',
    'postgresql://loms@postgres/loms',
    'postgres://loms:p%40%2F%3A%23@[::1]:5432/loms',
    'postgres://loms:secret@localhost/loms?host=/var/run/postgresql',
    'postgres://loms:secret@db/loms?sslmode=require',
    `postgres://loms:secret@db/loms?sslmode=verify-full&sslrootcert=${encodeURIComponent(file)}`,
    'postgres://loms:secret@db/loms?ssl=true&application_name=loms-1',
  ]) {
    it(`may be ${url.replace(file, 'file')}`, () => assert.equal(parseDatabaseUrl(url), url));
  }

  const wrong: [url: string, mistake: RegExp][] = [
    ['', /^it has to be a URL like postgres:/],
    ['mysql://loms:secret@db/loms', /^it has to be a URL like postgres:/],
    ['postgres://loms:sec#ret@db/loms', /^it has to be a URL like postgres:/],
    ['postgres://loms:sec/ret@db/loms', /^it has to be a URL like postgres:/],
    ['postgres://loms:1/secret@db/loms', /^an @ stands behind the host/],
    ['postgres://loms:%zzsecret@db/loms', /^its user name or password is no percent/],
    ['postgres://loms:secret@db:99999/loms', /^its port has to be/],
    ['postgres://db/loms', /^it names no user/],
    ['postgres:///loms', /^it has to be a URL like postgres:/],
    ['postgres://loms:secret@a,b/loms', /^its host has to be/],
    ['postgres://loms:secret@db', /^it names no database/],
    ['postgres://loms:secret@db/', /^it names no database/],
    ['postgres://loms:secret@db/loms?sslmode=on', /^its option sslmode has to be one of disable, /],
    ['postgres://loms:secret@db/loms?ssl=false', /^its option ssl has to be one of true, /],
    ['postgres://loms:secret@db/loms?sslrootcert=/nowhere.pem', /^its file \/nowhere\.pem cannot be read \(ENOENT\)$/],
    ['postgres://loms:secret@db/loms?options=-c%20search_path%3Dx', /^its option "options" is not supported: /],
    ['postgres://loms:secret@db/loms?connect_timeout=5', /^its option "connect_timeout" is not supported: /],
    ['postgres://loms:secret@db/loms?sslmode=require&sslmode=disable', /^its option "sslmode" stands there twice$/],
    ['postgres://loms:secret@db/loms?ssl=true&sslmode=disable', /^its options ssl and sslmode may contradict/],
    ['postgres://loms:secret@db/loms?host=', /^an option of it is blank/],
    ['postgres://loms:secret@db/loms?application_name=%20', /^an option of it is blank/],
    ['postgres://loms:secret@db/loms?application_name=%00', /^it holds a control character/],
    ['postgres://loms:secret@db/loms%00', /^it holds a control character/],
    ['postgres://loms%00:secret@db/loms', /^it holds a control character/],
    ['postgres://loms:secret%0A@db/loms', /^it holds a control character/],
    ['postgres://loms:secret@db/loms?constructor=5', /^its option "constructor" is not supported: /],
  ];
  for (const [url, mistake] of wrong) {
    it(`is refused, without its password, as ${url || 'nothing'}`, () => {
      assert.throws(
        () => parseDatabaseUrl(url),
        ({ name, message }: Error) =>
          name === 'TypeError' && mistake.test(message) && !/secret|sec\/|sec#|ret@/.test(message),
      );
    });
  }
});
