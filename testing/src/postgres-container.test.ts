import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runTool } from 'tools/precommit';

/** Limits against hanging: this tests that it ends, and how. */
const TEST_TIMEOUT_MS = 60_000;
const MODULE = join(import.meta.dirname, 'postgres-container.ts');

/** The error with such a Docker engine. In a process of its own, because testcontainers caches the engine. */
async function failureWith(engine: RequestListener, limits: Record<string, number>): Promise<string> {
  const server = createServer(engine).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const script = `
      import { startPostgresContainer } from ${JSON.stringify(MODULE)};
      const started = startPostgresContainer('secret', {}, ${JSON.stringify(limits)});
      process.exit(await started.then(() => 1, ({ name, message }) => (console.log(name + ': ' + message), 0)));`;
    const DOCKER_HOST = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { passed, output } = await runTool(['--input-type=module', '--eval', script], { DOCKER_HOST });
    assert.ok(passed, output);
    return output.trim();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('A Postgres in a container', function () {
  this.timeout(TEST_TIMEOUT_MS);

  it('is given up when the Docker engine accepts calls and never answers', async () => {
    const asked: string[] = [];
    const failure = await failureWith(({ url = '' }) => void asked.push(url), { engineTimeoutMs: 1_000 });
    assert.equal(failure, 'Failure: no Docker engine answers within 1 s');
    assert.equal(asked.length, 1, 'the engine was asked');
  });

  it('is given up when the engine lacks the image and the registry never ends its answer', async () => {
    const asked: string[] = [];
    const engine: RequestListener = ({ method, url = '' }, response) => {
      const answer = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      asked.push(`${method} ${url.replace(/\?.*$/, '')}`);
      if (url.startsWith('/info')) answer(200, { ServerVersion: '28.0.0', OperatingSystem: 'none', Labels: [] });
      else if (url.startsWith('/containers/json')) answer(200, []);
      else if (url.startsWith('/images/create')) response.writeHead(200).write('{"status":"Pulling"}\n');
      else answer(404, { message: 'there is no such thing' });
    };
    const failure = await failureWith(engine, { pullTimeoutMs: 1_000 });
    assert.match(failure, /^Failure: the image postgres:17 cannot be pulled within 1 s$/m);
    assert.ok(asked.includes('POST /images/create'), asked.join(', '));
  });
});
