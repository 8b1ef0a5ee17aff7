import { ITEMS_MAX, UINT16_MAX, UINT32_MAX } from '../work.ts';

const closed = (properties) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const integer = (minimum, maximum) => ({ type: 'integer', minimum, maximum });
const safeInteger = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const sku = integer(0, UINT32_MAX);

/** The routes' schemas: ajv checks the body, and fast-json-stringify writes the reply. */
export const routeSchemas = {
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

/** As strict as the others: no coercion of text to numbers, no unknown members. */
export const STRICT_AJV = { customOptions: { coerceTypes: false, removeAdditional: false } };
