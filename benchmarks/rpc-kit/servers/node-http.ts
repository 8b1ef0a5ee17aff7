import { createServer } from 'node:http';
import { listen } from '../../harness/json-server.ts';
import { handlers } from '../work.ts';

/** The baseline: a request, JSON.parse, a handler, JSON.stringify, an answer. It validates nothing. */
export function start(): Promise<number> {
  const byPath = new Map<string | undefined, (params: never) => unknown>(
    Object.entries(handlers).map(([name, handler]) => [`/${name}`, handler]),
  );
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const handler = byPath.get(request.url);
      if (!handler) {
        response.writeHead(404).end();
        return;
      }
      const text = JSON.stringify(handler(JSON.parse(Buffer.concat(chunks).toString()) as never));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      response.end(text);
    });
  });
  return listen(server);
}
