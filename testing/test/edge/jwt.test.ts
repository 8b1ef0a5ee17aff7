import assert from 'node:assert/strict';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { readPrivateJwk } from 'accounts/testing';
import { attacksOn, createTestKey, forge, goodClaims, goodHeader } from 'gateway/testing';
import { eventually, startMesh, type TestMesh } from 'testing';
import type { Sql } from '../../src/sql.ts';
import { login, openAccountsSql, register, rest, type SignedIn, UNLIMITED } from './people.ts';

describe('An access token at the edge', function () {
  this.timeout(300_000);
  let mesh: TestMesh;
  let sql: Sql;
  let person: SignedIn;
  let issuer: string;
  let audience: string;
  /** The key with which accounts signs: the tests forge what a mistake in accounts could sign. */
  let key: { kid: string; privateKey: KeyObject; publicJwk: Awaited<ReturnType<typeof createTestKey>>['publicJwk'] };

  before(async () => {
    mesh = await startMesh(UNLIMITED);
    issuer = `http://localhost:${new URL(mesh.urls.gateway).port}`;
    audience = `${issuer}/v1`;
    sql = openAccountsSql(mesh);
    person = await register(mesh);
    const [row] = await sql("SELECT kid, public_jwk, private_encrypted FROM signing_keys WHERE state = 'active'");
    const { keys } = JSON.parse(readFileSync(mesh.paths.secrets, 'utf8'));
    const kid = String(row?.kid);
    const jwk = readPrivateJwk(keys.accounts, kid, row?.private_encrypted as Buffer);
    key = {
      kid,
      privateKey: createPrivateKey({ key: jwk as never, format: 'jwk' }),
      publicJwk: JSON.parse(String(row?.public_jwk)),
    };
  });
  after(async () => {
    await sql?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  const me = (token?: string) => rest(mesh, 'GET /v1/me', token === undefined ? {} : { token });
  const claims = () => goodClaims({ issuer, audience, sub: person.user.id, now: Date.now() });
  const shown = ({ status, headers, body }: Awaited<ReturnType<typeof me>>) => ({
    status,
    challenge: headers.get('www-authenticate'),
    error: { ...body.error, requestId: '' },
  });
  const assertRefused = async (token: string) => assert.equal((await me(token)).status, 401);

  it('is accepted as accounts signs it, and as the tests forge it', async () => {
    assert.equal((await me(person.accessToken)).body.id, person.user.id);
    const answer = await me(forge(goodHeader(key.kid), claims(), key.privateKey));
    assert.deepEqual([answer.status, answer.body.id], [200, person.user.id]);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  });

  it('is refused with one identical 401 for every attack of the list (1–20)', async () => {
    const expected = shown(await me('no-token'));
    assert.equal(expected.status, 401);
    assert.match(String(expected.challenge), /^Bearer /);
    const otherTokens = [
      person.refreshToken,
      await mesh.caller.tokenFor('accounts'),
      await mesh.caller.tokenFor('loms'),
    ];
    const good = { issuer, audience, sub: person.user.id, now: Date.now() };
    const attacks = await attacksOn({ key, ...good, otherTokens });
    let sent = 0;
    for (const { number, what, token } of attacks) {
      // HTTP itself takes white space around a field off, and refuses a header of 16 KB and more.
      if (token.trim() !== token || token.length > 12_000) continue;
      assert.deepEqual(shown(await me(token)), expected, `${number}: ${what}`);
      sent += 1;
    }
    assert.ok(sent > 80, String(sent));
  });

  it('is no token of another service, and makes no service call (17)', async () => {
    const response = await fetch(`${mesh.urls.accounts}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${person.accessToken}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getUser', params: { user: 1 } }),
    });
    const { error } = (await response.json()) as { error: { data: { code: string } } };
    assert.equal(error.data.code, 'unauthenticated');
    const refreshed = await rest(mesh, 'POST /v1/auth/refresh', {
      body: { refreshToken: person.accessToken.slice(0, 512) },
    });
    assert.equal(refreshed.status, 401);
  });

  it('makes no request to an address that it names (7)', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.end('{"keys":[]}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
      const foreign = await createTestKey();
      for (const members of [{ jku: url }, { x5u: url }, { jku: url, kid: foreign.kid, jwk: foreign.publicJwk }]) {
        await assertRefused(forge({ ...goodHeader(key.kid), ...members }, claims(), foreign.privateKey));
      }
      assert.equal(requests, 0);
    } finally {
      server.close();
    }
  });

  it('comes in one Authorization header, and not in the query (20)', async () => {
    const { accessToken: token } = person;
    assert.ok([400, 401].includes((await rest(mesh, `GET /v1/me?access_token=${token}`)).status));
    assert.ok([400, 401].includes((await rest(mesh, `GET /v1/me?token=${token}`)).status));
    const { hostname, port, host } = new URL(mesh.urls.gateway);
    const socket = connect(Number(port), hostname);
    const line = `Authorization: Bearer ${token}\r\n`;
    socket.end(`GET /v1/me HTTP/1.1\r\nHost: ${host}\r\n${line}${line}Connection: close\r\n\r\n`);
    const text = (await socket.setEncoding('utf8').toArray()).join('');
    assert.match(text, /^HTTP\/1\.1 401 /);
  });

  it('with an unknown kid costs accounts one call per cooldown, and a flood of them no good token (22)', async () => {
    const foreign = await createTestKey();
    const calls = async (): Promise<number> => {
      const text = await (await fetch(`${mesh.urls.accounts}/metrics`)).text();
      const counts = [...text.matchAll(/^rpc_server_duration_seconds_count\{[^}]*method="jwks"[^}]*\} (\d+)$/gm)];
      assert.ok(counts.length > 0, 'the metric of calls has another name');
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const [before, began] = [await calls(), performance.now()];
    for (let batch = 0; batch < 10; batch++) {
      const tokens = Array.from({ length: 20 }, (_, index) =>
        forge(goodHeader(`${batch}-${index}`.padStart(43, 'k')), claims(), foreign.privateKey),
      );
      await Promise.all(tokens.map(assertRefused));
      assert.equal((await me(person.accessToken)).status, 200);
    }
    const seconds = (performance.now() - began) / 1_000;
    // One per second for unknown kids, and one in five seconds in any case.
    assert.ok((await calls()) - before <= seconds * 1.2 + 2);
  });

  it('survives the rotation of its key, and not its removal (21)', async () => {
    const old = await login(mesh, person.user.email);
    await sql("UPDATE signing_keys SET until = now() WHERE state IN ('active', 'next')");
    let fresh = old;
    const kidOf = ({ accessToken }: SignedIn) =>
      JSON.parse(Buffer.from(accessToken.split('.')[0] ?? '', 'base64url').toString()).kid;
    await eventually('the next key signs', async () => {
      const { status, body } = await rest(mesh, 'POST /v1/auth/refresh', {
        body: { refreshToken: fresh.refreshToken },
      });
      // Neither the refresh nor either of the tokens ever fails.
      assert.equal(status, 200);
      fresh = body;
      for (const { accessToken } of [old, fresh]) assert.equal((await me(accessToken)).status, 200);
      return kidOf(fresh) !== kidOf(old);
    });
    assert.equal((await me(old.accessToken)).status, 200);

    await sql('DELETE FROM signing_keys');
    await eventually('tokens of removed keys are refused', async () => {
      const answers = await Promise.all([old, fresh].map(({ accessToken }) => me(accessToken)));
      return answers.every(({ status }) => status === 401);
    });
    await eventually('a refresh gives a token of a new key', async () => {
      const { body } = await rest(mesh, 'POST /v1/auth/refresh', { body: { refreshToken: fresh.refreshToken } });
      fresh = body;
      return (await me(fresh.accessToken)).status === 200;
    });
  });
});
