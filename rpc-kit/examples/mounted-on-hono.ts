import { Hono } from 'hono';
import { createFetchHandler } from 'rpc-kit';
import { pricesService } from './prices-service.ts';

const prices = createFetchHandler(pricesService, { prefix: '/prices' });

export const app = new Hono();
app.all('/prices/*', ({ req }) => prices(req.raw));
app.get('/', (context) => context.text('the shop'));
