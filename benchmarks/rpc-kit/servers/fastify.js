import fastify from 'fastify';
import { handlers } from '../work.ts';
import { routeSchemas, STRICT_AJV } from './fastify-schemas.js';

/** Fastify with JSON schemas: ajv checks the body, the schema of the reply is what it is serialized by. */
export async function start() {
  const app = fastify({ ajv: STRICT_AJV });
  for (const [name, handler] of Object.entries(handlers)) {
    app.post(`/${name}`, { schema: routeSchemas[name] }, async (request) => handler(request.body));
  }
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app.server.address().port;
}
