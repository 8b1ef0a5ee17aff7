import express from 'express';
import { createNodeHandler } from 'rpc-kit';
import { pricesService } from './prices-service.ts';

export const app = express();

// Before express.json(), which would read the body and round large integers.
app.use('/prices', createNodeHandler(pricesService, { prefix: '/prices' }));

app.use(express.json());
app.get('/', (_request, response) => {
  response.send('the shop');
});
