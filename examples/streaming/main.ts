import { serveHttp } from 'rpc-kit';
import { serveGrpc } from 'rpc-kit/grpc';
import { createTicker } from './service.ts';
import { codec } from './watch.ts';

const [httpPort = 7004, grpcPort = 7005] = (process.env.PORTS?.split(',') ?? []).map(Number);
// A change a second, so the second is a number that grows over restarts too.
const { service, change } = createTicker(Math.floor(Date.now() / 1_000));
const stopped = new Promise((resolve) => process.once('SIGINT', resolve));
const timer = setInterval(() => change(7, 100 + Math.floor(Math.random() * 100)), 1_000);

await using http = await serveHttp(service, { host: '127.0.0.1', port: httpPort });
await using grpc = await serveGrpc(service, { host: '127.0.0.1', port: grpcPort, codec });
console.log(`watch ${http.url} or ${grpc.url}; Ctrl-C ends it`);
await stopped;
clearInterval(timer);
