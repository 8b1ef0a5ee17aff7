import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { LOCAL_HOST, PROJECT_DIRECTORY } from '../mesh-config.ts';
import { pickFreePorts, waitForPort } from '../ports.ts';

const GATEWAY = join(PROJECT_DIRECTORY, 'mesh/src/compose/gateway.ts');
const START_TIMEOUT_MS = 15_000;

describe('The gateway of the containers', () => {
  let gateway: ChildProcess;
  let server: Server;
  let port = 0;
  let deadPort = 0;

  before(async () => {
    // Answers only when the client has said all it has to say, which it does by closing its half.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      let heard = '';
      socket.on('data', (chunk) => {
        heard += chunk;
      });
      socket.on('end', () => socket.end(`heard ${heard}`));
    });
    server.listen(0, LOCAL_HOST);
    await once(server, 'listening');
    const [first = 0, second = 0, unused = 0] = await pickFreePorts(3);
    [port, deadPort] = [first, second];
    const routes = [`${port}=localhost:${(server.address() as AddressInfo).port}`, `${deadPort}=localhost:${unused}`];
    gateway = spawn(process.execPath, [GATEWAY, ...routes], { stdio: 'inherit' });
    for (const listening of [port, deadPort]) assert.ok(await waitForPort(LOCAL_HOST, listening, START_TIMEOUT_MS));
  });

  after(async () => {
    gateway.kill();
    await once(gateway, 'exit');
    server.close();
  });

  const say = (to: number, words: string): Promise<string> => {
    const socket = connect({ host: LOCAL_HOST, port: to, allowHalfOpen: true });
    socket.end(words);
    return text(socket);
  };

  it('passes both directions on, also to a client that has closed its half', async () => {
    assert.equal(await say(port, 'a question'), 'heard a question');
  });

  it('closes the connection when no replica answers, and still serves others', async () => {
    const refused = await say(deadPort, 'a question').catch(({ code }) => code);
    assert.match(refused, /^(ECONNRESET|EPIPE|)$/);
    assert.equal(await say(port, 'another'), 'heard another');
  });

  it('refuses a route that it does not understand', async () => {
    const child = spawn(process.execPath, [GATEWAY, '8081=loms'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [complaint, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    assert.equal(code, 1);
    assert.match(complaint, /"8081=loms" is no route: expected port=host:port\./);
  });
});
