import { createClient, createHttpTransport } from 'rpc-kit';
import { prices } from './prices-contract.ts';

const url = process.env.PRICES_URL ?? 'http://127.0.0.1:7001';
await using transport = createHttpTransport(url, { userAgent: 'ask-price/1.0.0' });
const client = createClient(prices, transport);

const { price } = await client.priceOf({ sku: 7 });
console.log(`Product 7 costs ${price}`);
