import { serveHttp } from 'rpc-kit';
import { pricesService } from './prices-service.ts';

const port = Number(process.env.PORT ?? 7001);
await using server = await serveHttp(pricesService, { host: '127.0.0.1', port });

console.log(`Try it at ${server.url}/docs; Ctrl-C ends it`);
await new Promise((resolve) => process.once('SIGINT', resolve));
