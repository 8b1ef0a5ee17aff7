import { pino } from 'pino';
import { createClient, createHttpTransport, serveHttp } from 'rpc-kit';
import { createBasketService } from './basket-service.ts';
import { prices } from './prices-contract.ts';
import { pricesService } from './prices-service.ts';

const logger = pino();

await using pricesServer = await serveHttp(pricesService, { host: '127.0.0.1', port: 7001, logger });

await using transport = createHttpTransport(pricesServer.url, { userAgent: 'basket/1.0.0' });
const basketService = createBasketService(createClient(prices, transport));
await using basketServer = await serveHttp(basketService, { host: '127.0.0.1', port: 7002, logger });

logger.info(`try it at ${basketServer.url}/docs; Ctrl-C ends it`);
await new Promise((resolve) => process.once('SIGINT', resolve));
