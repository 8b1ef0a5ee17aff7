import fastify from 'fastify';
import { handlers, ITEMS_MAX, UINT16_MAX, UINT32_MAX } from '../work.ts';

const closed = (properties) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const integer = (minimum, maximum) => ({ type: 'integer', minimum, maximum });
const safeInteger = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const sku = integer(0, UINT32_MAX);

const schemas = {
  createOrder: {
    body: closed({
      user: safeInteger,
      items: { type: 'array', minItems: 1, maxItems: ITEMS_MAX, items: closed({ sku, count: integer(1, UINT16_MAX) }) },
    }),
    response: { 200: closed({ orderID: safeInteger }) },
  },
  stocks: {
    body: closed({ sku }),
    response: {
      200: closed({
        stocks: {
          type: 'array',
          items: closed({ warehouseID: safeInteger, count: integer(0, Number.MAX_SAFE_INTEGER) }),
        },
      }),
    },
  },
};

/** Fastify with JSON schemas: ajv checks the body, the schema of the reply is what it is serialized by. */
export async function start() {
  // As strict as the others: no coercion of text to numbers, no unknown members.
  const app = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } });
  for (const [name, handler] of Object.entries(handlers)) {
    app.post(`/${name}`, { schema: schemas[name] }, async (request) => handler(request.body));
  }
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app.server.address().port;
}
