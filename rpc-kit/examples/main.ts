import { createClient, createHttpTransport, serveHttp } from 'rpc-kit';
import { createBasketService } from './basket-service.ts';
import { prices } from './prices-contract.ts';
import { pricesService } from './prices-service.ts';

await using pricesServer = await serveHttp(pricesService, { host: '127.0.0.1', port: 7001 });

await using transport = createHttpTransport(pricesServer.url, { userAgent: 'basket/1.0.0' });
const basketService = createBasketService(createClient(prices, transport));
await using basketServer = await serveHttp(basketService, { host: '127.0.0.1', port: 7002 });

console.log(`Try it at ${basketServer.url}/docs; Ctrl-C ends it`);
await new Promise((resolve) => process.once('SIGINT', resolve));
