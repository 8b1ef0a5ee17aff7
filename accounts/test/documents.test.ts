import { pino } from 'pino';
import { type HttpServer, serveHttp } from 'rpc-kit';
import { itKeepsItsDocuments } from 'testing';
import { type Accounts, openAccounts } from './accounts-fixture.ts';

describe('accounts', () => {
  let fixture: Accounts;
  let server: HttpServer;

  before(async () => {
    fixture = await openAccounts();
    // One of the two admins can be disabled. The examples register user 1, make it an admin, and disable it.
    await fixture.query(
      `INSERT INTO users (user_id, email, email_key, password_hash, role)
      VALUES (1000, 'root@shop.example', 'root@shop.example', '$argon2id$unknown', 'admin')`,
    );
    server = await serveHttp(fixture.service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });
  });

  after(async () => {
    await server?.close(0);
    await fixture?.[Symbol.asyncDispose]();
  });

  itKeepsItsDocuments({
    url: () => server.url,
    // The form of an e-mail address, the strength of a password, and the cursors of lists.
    ruledByWords: ['register', 'changePassword', 'listUsers'],
    // A token and a session of another database.
    refusedExamples: { refresh: 401, endSession: 404 },
  });
});
