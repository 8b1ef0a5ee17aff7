import { createServer } from 'node:http';
import { answerTo } from '../../harness/child.ts';
import { stayAwake } from '../load/stay-awake.ts';
import { listen } from '../servers/listen.ts';
import { type MethodName, WORK } from '../work.ts';

/** What every client calls: bare node:http that answers each call with the right result, on both faces. */

interface RpcRequest {
  readonly id: unknown;
  readonly method: MethodName;
}

let batches = 0;

function answerOf({ id, method }: RpcRequest) {
  return { jsonrpc: '2.0', id, result: WORK[method].result };
}

function answer(path: string, body: string): unknown {
  const parsed: unknown = JSON.parse(body);
  if (path !== '/rpc') return WORK[path.slice(1) as MethodName].result;
  if (!Array.isArray(parsed)) return answerOf(parsed as RpcRequest);
  batches++;
  return parsed.map(answerOf);
}

const port = await listen(
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = JSON.stringify(answer(request.url ?? '', Buffer.concat(chunks).toString()));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      response.end(text);
    });
  }),
);

let awake: Disposable | undefined;

answerTo({
  port: () => port,
  batches: () => batches,
  awaken: () => {
    awake ??= stayAwake();
  },
  rest: () => {
    awake?.[Symbol.dispose]();
    awake = undefined;
  },
});
