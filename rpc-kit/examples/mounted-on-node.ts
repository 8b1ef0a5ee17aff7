import { createServer } from 'node:http';
import { createNodeHandler } from 'rpc-kit';
import { pricesService } from './prices-service.ts';

const prices = createNodeHandler(pricesService, { prefix: '/prices' });

export const server = createServer((request, response) => {
  if (request.url?.startsWith('/prices/')) prices(request, response);
  else response.end('the shop');
});

export async function stop(): Promise<void> {
  server.close();
  // Ends streams, and waits for calls in flight and their deferred tasks.
  await prices.close();
}
