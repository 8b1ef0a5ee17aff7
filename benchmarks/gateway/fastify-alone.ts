import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import { answerTo, cpuMicros } from '../harness/child.ts';
import type { Recorded } from './routes.ts';

/** The floor: Fastify that answers each route with an answer of the gateway, from memory. */
const app = fastify();
let answers: Readonly<Record<string, Recorded>> = {};

const answerOf =
  (name: string) => (_request: unknown, reply: { code(status: number): { send(body: unknown): unknown } }) => {
    const { status, body } = answers[name] as Recorded;
    return reply.code(status).send(body);
  };

app.get('/v1/products/:sku', answerOf('product'));
app.get('/v1/orders/:id', answerOf('order'));
app.post('/v1/cart/items', answerOf('cart'));
await app.listen({ host: '127.0.0.1', port: 0 });

answerTo({
  port: () => (app.server.address() as AddressInfo).port,
  cpu: cpuMicros,
  answer(recorded: typeof answers) {
    answers = recorded;
  },
});
