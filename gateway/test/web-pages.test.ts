import assert from 'node:assert/strict';
import { after, before } from 'mocha';
import type { Asked } from './ask.ts';
import { type Gateway, openGateway } from './gateway-fixture.ts';

const ISSUED = {
  user: { id: 1n, email: 'anna@shop.example', role: 'user' as const },
  sessionID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
  accessToken: 'anna',
  expiresIn: 300,
  refreshToken: 'refresh-1',
};
const OWN = 'https://shop.example';
const LISTED = 'https://app.shop.example';
const COOKIE_MODE = { 'x-session-mode': 'cookie' };

describe('Web pages', () => {
  let gateway: Gateway;
  const refreshed: string[] = [];
  before(async () => {
    gateway = await openGateway(
      {
        accounts: {
          login: async () => ISSUED,
          async refresh({ refreshToken }) {
            refreshed.push(refreshToken);
            return ISSUED;
          },
          logout: async () => ({}),
          getUser: async ({ user }) => ({
            user,
            email: 'anna@shop.example',
            role: 'user',
            createdAt: new Date(),
            disabled: false,
          }),
        },
        checkout: { addToCart: async () => ({}) },
      },
      { allowedOrigins: [LISTED], allowedHosts: ['shop.example'] },
    );
  });
  after(() => gateway[Symbol.asyncDispose]());

  const credentials = { email: 'anna@shop.example', password: 'a walk along the river' };
  const login = (headers: Asked['headers'] = {}) =>
    gateway.ask('/v1/auth/login', { method: 'POST', body: credentials, headers });
  const cookies = '__Host-access=anna; __Host-refresh=refresh-1';
  const fromPage = { host: 'shop.example', origin: OWN, 'sec-fetch-site': 'same-origin' };

  it('of a person who opens the bare address are those of the documentation', async () => {
    const { status, headers } = await gateway.ask('/');
    assert.deepEqual([status, headers.location], [302, '/docs']);
  });

  it('get tokens in the body by default, and no cookie', async () => {
    const { body, headers } = await login();
    assert.deepEqual([body.accessToken, body.refreshToken, headers['set-cookie']], ['anna', 'refresh-1', undefined]);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(body.user.id, '1');
  });

  it('get them in cookies that scripts cannot read when they ask for it', async () => {
    const { body, headers, status } = await login(COOKIE_MODE);
    assert.equal(status, 200);
    assert.deepEqual([body.accessToken, body.refreshToken], [undefined, undefined]);
    const set = headers['set-cookie'] ?? [];
    assert.deepEqual(set, [
      '__Host-access=anna; Max-Age=300; Path=/; HttpOnly; Secure; SameSite=Strict',
      '__Host-refresh=refresh-1; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Strict',
    ]);
  });

  it('use the cookies with the header of the mode, and with their Origin on writes', async () => {
    const headers = { ...COOKIE_MODE, ...fromPage, cookie: cookies };
    assert.equal((await gateway.ask('/v1/me', { headers })).status, 200);
    const line = { method: 'POST', body: { sku: 1, count: 1 } };
    assert.equal((await gateway.ask('/v1/cart/items', { ...line, headers })).status, 204);
    const { status } = await gateway.ask('/v1/auth/refresh', { method: 'POST', headers });
    assert.deepEqual([status, refreshed.at(-1)], [200, 'refresh-1']);
    const left = await gateway.ask('/v1/auth/logout', { method: 'POST', headers });
    assert.equal(left.status, 204);
    for (const cookie of left.headers['set-cookie'] ?? [])
      assert.match(cookie, /^__Host-\w+=;.*Expires=Thu, 01 Jan 1970/);
  });

  it('are refused with 403 without the header of the mode, without an Origin on a write, and from a foreign origin', async () => {
    const line = { method: 'POST', body: { sku: 1, count: 1 } };
    const before = gateway.calls.filter((call) => call.startsWith('checkout')).length;
    const { 'x-session-mode': _mode, ...withoutMode } = { ...COOKIE_MODE, ...fromPage, cookie: cookies };
    const attempts: Asked['headers'][] = [
      withoutMode,
      { ...withoutMode, 'x-session-mode': 'body' },
      { ...COOKIE_MODE, cookie: cookies },
      { ...COOKIE_MODE, ...fromPage, cookie: cookies, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { ...COOKIE_MODE, ...fromPage, cookie: cookies, origin: 'null', 'sec-fetch-site': 'cross-site' },
      {
        ...COOKIE_MODE,
        ...fromPage,
        cookie: cookies,
        origin: 'http://shop.example.evil.example',
        'sec-fetch-site': 'cross-site',
      },
    ];
    for (const headers of attempts) {
      const { status } = await gateway.ask('/v1/cart/items', { ...line, headers: headers ?? {} });
      assert.equal(status, 403, JSON.stringify(headers));
    }
    assert.equal(gateway.calls.filter((call) => call.startsWith('checkout')).length, before);
    const refresh = await gateway.ask('/v1/auth/refresh', { method: 'POST', headers: { cookie: cookies } });
    assert.equal(refresh.status, 400, 'without the mode, a cookie is no refresh token');
    for (const path of ['/v1/auth/refresh', '/v1/auth/logout']) {
      const headers = { ...COOKIE_MODE, cookie: '__Host-refresh=refresh-1' };
      const { status } = await gateway.ask(path, { method: 'POST', headers });
      assert.equal(status, 403, `${path} without an Origin`);
    }
  });

  it('are refused with two cookies of one name, of which one is forged', async () => {
    for (const cookie of [`${cookies}; __Host-access=boris`, `__Host-access=boris; ${cookies}`]) {
      const { status } = await gateway.ask('/v1/me', { headers: { ...COOKIE_MODE, ...fromPage, cookie } });
      assert.equal(status, 400, cookie);
    }
    const headers = { ...COOKIE_MODE, ...fromPage, cookie: `${cookies}; __Host-refresh=refresh-2` };
    const before = refreshed.length;
    assert.equal((await gateway.ask('/v1/auth/refresh', { method: 'POST', headers })).status, 400);
    assert.equal(refreshed.length, before);
  });

  it('of listed origins get CORS headers, and no other ones; never a wildcard with credentials', async () => {
    for (const origin of [LISTED, OWN]) {
      const { headers } = await gateway.ask('/v1/me', { headers: { origin } });
      assert.equal(headers['access-control-allow-origin'], origin);
      assert.equal(headers['access-control-allow-credentials'], 'true');
    }
    const foreign = await gateway.ask('/v1/products', { headers: { origin: 'https://evil.example' } });
    assert.deepEqual([foreign.status, foreign.headers['access-control-allow-origin']], [403, undefined]);
    const nowhere = await gateway.ask('/v1/nowhere', { headers: { origin: LISTED } });
    assert.deepEqual([nowhere.status, nowhere.headers['access-control-allow-origin']], [404, LISTED]);
    const program = await gateway.ask('/v1/products');
    assert.equal(program.headers['access-control-allow-origin'], undefined);
  });

  it('of listed origins get their preflight answered', async () => {
    const headers = {
      origin: LISTED,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'if-match,x-session-mode',
    };
    const answer = await gateway.ask('/v1/products/1', { method: 'OPTIONS', headers });
    assert.equal(answer.status, 204);
    assert.match(String(answer.headers['access-control-allow-methods']), /PUT/);
    assert.match(String(answer.headers['access-control-allow-headers']), /if-match.*x-session-mode/);
    const foreign = await gateway.ask('/v1/products/1', {
      method: 'OPTIONS',
      headers: { ...headers, origin: 'https://evil.example' },
    });
    assert.deepEqual([foreign.status, foreign.headers['access-control-allow-origin']], [403, undefined]);
  });

  it('of a name that was rebound to this address are refused', async () => {
    const { status } = await gateway.ask('/v1/products', {
      headers: { host: 'rebound.example', origin: 'http://rebound.example' },
    });
    assert.equal(status, 421);
  });
});
