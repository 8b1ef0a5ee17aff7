import { answerTo } from '../harness/child.ts';
import { serveJson } from '../harness/json-server.ts';

/** The cheapest notifications for loms to call: bare node:http that accepts every event. */
const answerOf = ({ id }: { readonly id: unknown }) => ({ jsonrpc: '2.0', id, result: {} });

const port = await serveJson((body) => {
  const call = JSON.parse(body);
  return Array.isArray(call) ? call.map(answerOf) : answerOf(call);
});

answerTo({ port: () => port });
