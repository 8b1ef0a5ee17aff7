import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { checkout } from 'checkout/contract.ts';
import { OPERATOR, tlsVariables } from 'mesh/certificates';
import { notifications } from 'notifications/contract.ts';
import { Registry } from 'prom-client';
import type { TlsFiles, TlsSource } from 'rpc-kit';
import { openPeer } from 'service-kit';
import { eventually, startMesh, type TestMesh } from 'testing';

describe('A mesh with TLS=on', function () {
  this.timeout(300_000);
  let mesh: TestMesh;
  let files: TlsFiles;

  before(async () => {
    mesh = await startMesh({ TLS: 'on' });
    const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = tlsVariables(mesh.paths, OPERATOR);
    const read = (file: string) => readFileSync(file, 'utf8');
    files = { cert: read(TLS_CERT_FILE), key: read(TLS_KEY_FILE), ca: read(TLS_CA_FILE) };
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const callerWith = (tls: TlsSource) => ({
    userAgent: 'testing/1',
    registry: new Registry(),
    identity: { ...mesh.caller, tls },
  });

  it('serves a purchase and its notifications, all calls by https', async () => {
    for (const [service, url] of Object.entries(mesh.urls)) {
      assert.equal(new URL(url).protocol, service === 'gateway' ? 'http:' : 'https:');
    }
    const caller = callerWith(() => files);
    await using shop = openPeer(checkout, { urls: [mesh.urls.checkout], ...caller });
    await using history = openPeer(notifications, { urls: [mesh.urls.notifications], ...caller });
    await shop.client.addToCart({ user: 7n, sku: 1076963, count: 1 });
    const { orderID } = await shop.client.purchase({ user: 7n });
    const statuses = async (): Promise<string[]> => {
      const { notifications: found } = await history.client.history({ user: 7n, limit: 10 });
      return found.map(({ orderID: of, status }) => `${of} ${status}`).toSorted();
    };
    await eventually('both notifications arrived', async () => (await statuses()).length === 2);
    assert.deepEqual(await statuses(), [`${orderID} awaiting payment`, `${orderID} new`]);
  });

  it('lists products through the gateway, whose own port is http', async () => {
    const response = await fetch(`${mesh.urls.gateway}/v1/products?limit=1`);
    assert.equal(response.status, 200);
    const { items } = (await response.json()) as { items: unknown[] };
    assert.equal(items.length, 1);
  });

  it('refuses a caller that has a service token and no certificate', async () => {
    const withoutCertificate = { ca: files.ca } as TlsFiles;
    const caller = callerWith(() => withoutCertificate);
    await using shop = openPeer(checkout, { urls: [mesh.urls.checkout], ...caller, retries: false });
    await assert.rejects(shop.client.listCart({ user: 7n }), (error: Error) => {
      assert.equal(error.message, 'checkout cannot be reached');
      assert.match(String(error.cause), /it answers "Send a client certificate: this service requires mutual TLS"$/);
      return true;
    });
  });
});
