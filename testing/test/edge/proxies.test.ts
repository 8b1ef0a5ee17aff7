import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from 'gateway/testing';
import { identityVariables } from 'mesh';
import { loadSecrets } from 'mesh/mesh-folder';
import { after, before } from 'mocha';
import { startMesh, type TestMesh } from '../../src/index.ts';
import { listeningAt, start } from '../planted-secrets.ts';

/** Logins a minute. */
const LIMIT = 20;
const REQUESTS = 60;
/** On a busy machine, accounts may answer too late, and each gateway limits alone: the next attempt uses another client. */
const ATTEMPTS = 10;
const ALONE = 'this process limits requests alone';

describe('Two gateways behind a proxy', () => {
  let mesh: TestMesh;
  let second: ReturnType<typeof start>;
  let urls: readonly string[];

  before(async () => {
    const limits = { TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8', RATE_LIMIT_AUTH: String(LIMIT) };
    mesh = await startMesh(limits);
    const { accounts, checkout, loms, notifications, products } = mesh.urls;
    second = start('gateway/src/main.ts', {
      ...limits,
      ...identityVariables(mesh.paths, 'gateway'),
      ACCESS: 'enforce',
      GATEWAY_SECRET: loadSecrets(mesh.paths).keys.gateway,
      ACCOUNTS_URL: accounts,
      CHECKOUT_URL: checkout,
      LOMS_URL: loms,
      NOTIFICATIONS_URL: notifications,
      PRODUCTS_URL: products,
    });
    urls = [mesh.urls.gateway, await listeningAt(second)];
  });
  after(async () => {
    await second?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  /** An attempt to log in without a body: 400, or 429 beyond the limit. */
  async function attempt(index: number, forwarded: string): Promise<number> {
    const headers = { 'x-forwarded-for': forwarded };
    const { status } = await ask(urls[index % 2] as string, '/v1/auth/login', { method: 'POST', headers, body: {} });
    return status;
  }

  async function timesAlone(): Promise<number> {
    const logs = [await readFile(join(mesh.paths.logs, 'gateway.log'), 'utf8'), second.output()];
    return logs.join('').split(ALONE).length - 1;
  }

  /** How many of the requests of one client are served, and how many the limit allows meanwhile. */
  async function served(forwarded: (index: number) => string): Promise<{ granted: number; allowed: number }> {
    const began = performance.now();
    let granted = 0;
    for (let index = 0; index < REQUESTS; index++) if ((await attempt(index, forwarded(index))) === 400) granted += 1;
    return { granted, allowed: LIMIT + Math.ceil(((performance.now() - began) / 60_000) * LIMIT) };
  }

  const spellings = {
    'an IPv4 address, whatever a client writes before it': (client: number) => (index: number) =>
      `198.51.100.${index}, 203.0.113.${client}, 10.0.0.${index}`,
    'an IPv4 address and its spelling in IPv6': (client: number) => (index: number) =>
      index % 4 < 2 ? `192.0.2.${client}` : `::ffff:c000:2${client.toString(16).padStart(2, '0')}`,
    'the addresses of one IPv6 network of /64': (client: number) => (index: number) =>
      `2001:db8:0:${client}:${index}::1`,
  };
  for (const [name, spelling] of Object.entries(spellings)) {
    it(`have one limit for ${name} (43)`, async () => {
      for (let client = 1; client <= ATTEMPTS; client++) {
        const before = await timesAlone();
        const { granted, allowed } = await served(spelling(client));
        if ((await timesAlone()) > before) continue;
        assert.ok(granted >= LIMIT && granted <= allowed, `${granted} of ${allowed}`);
        assert.equal(await attempt(0, spelling(client + ATTEMPTS)(0)), 400, 'another client has its own limit');
        return;
      }
      assert.fail('accounts answered too late in each attempt');
    });
  }
});
