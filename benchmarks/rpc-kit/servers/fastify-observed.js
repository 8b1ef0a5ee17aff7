import { context } from '@opentelemetry/api';
import Ajv from 'ajv';
import fastify from 'fastify';
import { handlers } from '../work.ts';
import { routeSchemas, STRICT_AJV } from './fastify-schemas.js';
import { createTelemetry, OBSERVED_FASTIFY } from './observed.js';

/** Fastify with the same things on as rpc-kit: log line, histogram, span, and ajv for params and result. */
export async function start() {
  const { logger, startCall } = createTelemetry();
  const app = fastify({ ...OBSERVED_FASTIFY, ajv: STRICT_AJV, loggerInstance: logger });
  app.decorateRequest('call', null);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    request.call = startCall(request.routeOptions.url ?? 'unknown', request.id, request.headers);
    context.with(request.call.context, done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.call.end(reply.statusCode);
    done();
  });
  const ajv = new Ajv(STRICT_AJV.customOptions);
  for (const [name, handler] of Object.entries(handlers)) {
    const schema = routeSchemas[name];
    const isResult = ajv.compile(schema.response[200]);
    app.post(`/${name}`, { schema }, async (request) => {
      const result = handler(request.body);
      if (!isResult(result)) throw new Error(`The result does not fit its schema: ${ajv.errorsText(isResult.errors)}`);
      return result;
    });
  }
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app.server.address().port;
}
