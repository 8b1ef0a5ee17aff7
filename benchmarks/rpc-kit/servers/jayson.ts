import jayson from 'jayson';
import { listen } from '../../harness/json-server.ts';
import { handlers } from '../work.ts';

type Callback = (error: unknown, result: unknown) => void;

/** jayson's own HTTP server. It checks the envelope and nothing of the params. */
export function start(): Promise<number> {
  const methods = Object.entries(handlers).map(([name, handler]) => [
    name,
    (params: never, callback: Callback) => callback(null, handler(params)),
  ]);
  return listen(new jayson.Server(Object.fromEntries(methods)).http());
}
