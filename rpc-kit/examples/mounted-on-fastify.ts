import { fastify } from 'fastify';
import { createNodeHandler } from 'rpc-kit';
import { pricesService } from './prices-service.ts';

export const app = fastify();

const prices = createNodeHandler(pricesService, { prefix: '/prices' });
app.register(
  async (scope) => {
    // Before Fastify reads the body.
    scope.addHook('onRequest', async (request, reply) => {
      reply.hijack();
      prices(request.raw, reply.raw);
    });
    scope.all('/*', () => {});
  },
  { prefix: '/prices' },
);
app.addHook('preClose', () => prices.close());

app.get('/', () => 'the shop');
