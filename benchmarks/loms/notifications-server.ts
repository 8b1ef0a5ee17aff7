import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerTo } from '../harness/child.ts';

/** notifications as loms sees it, at the least cost: bare node:http that takes every event. */

let events = 0;

function answerOf({ id }: { readonly id: unknown }) {
  events += 1;
  return { jsonrpc: '2.0', id, result: {} };
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const asked = JSON.parse(Buffer.concat(chunks).toString());
    const text = JSON.stringify(Array.isArray(asked) ? asked.map(answerOf) : answerOf(asked));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

answerTo({ port: () => (server.address() as AddressInfo).port, events: () => events });
