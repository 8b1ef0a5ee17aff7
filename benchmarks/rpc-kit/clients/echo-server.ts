import { answerTo } from '../../harness/child.ts';
import { serveJson } from '../../harness/json-server.ts';
import { stayAwake } from '../load/stay-awake.ts';
import { type MethodName, WORK } from '../work.ts';

/** The server that every client calls: bare node:http that answers each call with the right result, on both faces. */

interface RpcRequest {
  readonly id: unknown;
  readonly method: MethodName;
}

let batches = 0;

function answerOf({ id, method }: RpcRequest) {
  return { jsonrpc: '2.0', id, result: WORK[method].result };
}

const port = await serveJson((body, path) => {
  const parsed: unknown = JSON.parse(body);
  if (path !== '/rpc') return WORK[path.slice(1) as MethodName].result;
  if (!Array.isArray(parsed)) return answerOf(parsed as RpcRequest);
  batches++;
  return parsed.map(answerOf);
});

let awake: Disposable | undefined;

answerTo({
  port: () => port,
  batches: () => batches,
  keepAwake: () => {
    awake ??= stayAwake();
  },
  letSleep: () => {
    awake?.[Symbol.dispose]();
    awake = undefined;
  },
});
