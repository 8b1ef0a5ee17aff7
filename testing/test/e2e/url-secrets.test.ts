import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startMesh } from 'testing';
import { chooseSurroundings } from '../../src/test-mesh.ts';
import { BASIC, LEAK, SECRET, said, start, textOf, USERINFO } from '../planted-secrets.ts';
import { startOtlpReceiver } from './otlp-receiver.ts';

const SKU = 1_076_963;

describe('A password in a URL', () => {
  it('appears nowhere in a mesh that uses it', async () => {
    await using receiver = await startOtlpReceiver();
    await using webhook = await startRefusingReceiver();
    const surroundings = await chooseSurroundings();
    const mesh = await startMesh({
      ...surroundings,
      // The credentials in PRODUCTS_URL take the place of checkout's token.
      ACCESS: 'open',
      LOG_LEVEL: 'trace',
      WEBHOOK_URL: `http://${USERINFO}@${webhook.host}/hook?key=${SECRET}`,
      PRODUCTS_URL: `http://${USERINFO}@127.0.0.1:${surroundings.PRODUCTS_PORT}/?key=${SECRET}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url.replace('//', `//${USERINFO}@`),
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    const found: string[] = [];
    try {
      const { checkout } = mesh.urls;
      found.push(await textOf(`${checkout}/addToCart`, { user: 1, sku: SKU, count: 1 }));
      found.push(await textOf(`${checkout}/listCart`, { user: 1 }));
      assert.match(found[1] ?? '', /"totalPrice":[1-9]/, 'the product service was asked by its URL');
      found.push(await textOf(`${checkout}/purchase`, { user: 1 }));
      await said(mesh, 'a notification could not be delivered');
      await receiver.until((spans) => spans.some(({ name }) => name === 'webhook/notify'));
      for (const url of Object.values(mesh.urls)) found.push(await textOf(`${url}/metrics`));
      found.push(await readFile(mesh.paths.record, 'utf8'));
      await using letters = start('tools/src/dead-letters.ts', { ...mesh.variables }, ['list']);
      await letters.ended;
      found.push(letters.output());
    } finally {
      await mesh[Symbol.asyncDispose]();
    }
    for (const file of await readdir(mesh.paths.logs)) found.push(await readFile(join(mesh.paths.logs, file), 'utf8'));
    found.push(mesh.output(), JSON.stringify(receiver.spans));
    assert.deepEqual([...webhook.authorizations, ...receiver.authorizations], [`Basic ${BASIC}`, `Basic ${BASIC}`]);
    assert.match(found.join('\n'), /"WEBHOOK_URL":"http:\/\/127\.0\.0\.1:\d+\/hook"/, 'the rest of a URL is shown');
    assert.doesNotMatch(found.join('\n'), LEAK);
  });
});

/** A webhook receiver that refuses every notification. */
async function startRefusingReceiver() {
  const authorizations = new Set<string | undefined>();
  const server = createServer((request, response) => {
    authorizations.add(request.headers.authorization);
    request.resume();
    response.writeHead(422).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorizations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
