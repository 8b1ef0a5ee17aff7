import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { DATABASES, GRPC_PORT_OFFSET, type ServiceName } from 'mesh';
import { OPERATOR, tlsVariables } from 'mesh/certificates';
import { notifications } from 'notifications/contract.ts';
import { Registry } from 'prom-client';
import { openPeer } from 'service-kit';
import { eventually, startMesh, type TestMesh } from 'testing';

const SKU = 1_076_963;

for (const TLS of ['off', 'on'] as const) {
  describe(`A mesh with CALLS=grpc and TLS=${TLS}`, function () {
    this.timeout(300_000);
    let mesh: TestMesh;
    let open: AsyncDisposableStack;

    before(async () => {
      open = new AsyncDisposableStack();
      mesh = open.use(await startMesh({ CALLS: 'grpc', TLS }));
    });
    after(() => open[Symbol.asyncDispose]());

    function readFiles() {
      const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = tlsVariables(mesh.paths, OPERATOR);
      const read = (file: string) => readFileSync(file, 'utf8');
      return { cert: read(TLS_CERT_FILE), key: read(TLS_KEY_FILE), ca: read(TLS_CA_FILE) };
    }
    const caller = () => {
      const files = TLS === 'on' ? readFiles() : undefined;
      const identity = files ? { ...mesh.caller, tls: () => files } : mesh.caller;
      return { userAgent: 'testing/1', registry: new Registry(), identity };
    };
    const grpcUrl = (service: ServiceName): string => {
      const { hostname, port } = new URL(mesh.urls[service]);
      return `${TLS === 'on' ? 'grpcs' : 'grpc'}://${hostname}:${Number(port) + GRPC_PORT_OFFSET}`;
    };

    it('serves a purchase, its payment and its notifications', async () => {
      const shop = open.use(openPeer(checkout, { urls: [grpcUrl('checkout')], ...caller() }));
      const orders = open.use(openPeer(loms, { urls: [grpcUrl('loms')], ...caller() }));
      const history = open.use(openPeer(notifications, { urls: [grpcUrl('notifications')], ...caller() }));
      await shop.client.addToCart({ user: 7n, sku: SKU, count: 2 });
      const { items } = await shop.client.listCart({ user: 7n });
      assert.deepEqual(
        items.map(({ sku, count }) => [sku, count]),
        [[SKU, 2]],
      );
      const { orderID } = await shop.client.purchase({ user: 7n });
      await orders.client.orderPayed({ orderID });
      const statuses = async (): Promise<string[]> => {
        const { notifications: found } = await history.client.history({ user: 7n, limit: 10 });
        return found.map(({ orderID: of, status }) => `${of} ${status}`).toSorted();
      };
      await eventually('all notifications arrived', async () => (await statuses()).length === 3);
      assert.deepEqual(await statuses(), [`${orderID} awaiting payment`, `${orderID} new`, `${orderID} payed`]);
    });

    it('serves people through the gateway, whose own port speaks HTTP', async () => {
      const response = await fetch(`${mesh.urls.gateway}/v1/products?limit=1`);
      assert.equal(response.status, 200);
      const { items } = (await response.json()) as { items: unknown[] };
      assert.equal(items.length, 1);
    });

    if (TLS === 'off') {
      it('makes no call by JSON-RPC between services', async () => {
        for (const service of DATABASES) {
          const metrics = await (await fetch(`${mesh.urls[service]}/metrics`)).text();
          const calls = metrics.split('\n').filter((line) => /^http_requests_total\{.*verb="POST"/.test(line));
          assert.deepEqual(calls, [], service);
        }
      });
    }
  });
}
