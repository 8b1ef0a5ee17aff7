import { randomUUID } from 'node:crypto';
import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { type CallOptions, fail, int64, uint64 } from 'rpc-kit';
import { z } from 'zod';
import { amounts, id, listOf, paging, skuInPath } from '../rest-types.ts';
import { type Answer, route } from '../route.ts';
import type { Services } from '../services.ts';

const { get_products, list_products, create_product, update_product, archive_product } = products.methods;
const { adjustStock } = loms.methods;
const { product_not_found } = update_product.errors;

const product = z.object({
  sku: amounts.sku,
  name: z.string(),
  price: amounts.price,
  version: z.int(),
  /** Present once the product is no longer sold. */
  archived: z.literal(true).optional(),
});
type Product = z.output<typeof product>;

const bySku = z.strictObject({ sku: skuInPath });
const { sku, name, price } = create_product.params.shape;

const EXAMPLE = { sku: 5000001, name: 'Enamel kettle, 2 l', price: 1990, version: 1 };
const EXAMPLE_SKU = { sku: '5000001' };

export const productRoutes = [
  route({
    method: 'GET',
    path: '/products',
    who: 'anyone',
    priority: 'low',
    summary: 'Lists the products on sale by their skus.',
    description: '`name` selects the products whose name contains it, in upper or lower case.',
    calls: [list_products],
    query: z.strictObject({ name: name.optional(), ...paging }),
    pages: true,
    status: 200,
    answer: listOf(product),
    example: { query: { name: 'kettle' }, answer: { items: [EXAMPLE] } },
    async handle({ services, query, call }) {
      const { products: found, nextCursor } = await services.products.list_products(query, call);
      return { body: { items: found.map(toProduct), nextCursor } };
    },
  }),
  route({
    method: 'GET',
    path: '/products/{sku}',
    who: 'anyone',
    summary: 'Shows a product.',
    description: 'Archived products are shown, too: orders refer to them.',
    calls: [get_products],
    errors: { product_not_found },
    params: bySku,
    status: 200,
    answer: product,
    example: { params: EXAMPLE_SKU, answer: EXAMPLE },
    async handle({ services, params, call }) {
      return answerOf(await findProduct(services, params.sku, call));
    },
  }),
  route({
    method: 'POST',
    path: '/products',
    who: 'admin',
    summary: 'Adds a product to the catalogue.',
    calls: [create_product],
    body: z.strictObject({ sku, name, price }),
    status: 201,
    answer: product,
    example: { body: { sku: 5000001, name: EXAMPLE.name, price: 1990 }, answer: EXAMPLE },
    async handle({ services, body, person, call }) {
      const created = await services.products.create_product({ ...body, actor: person.user }, call);
      return { ...answerOf(created), location: `/products/${created.sku}` };
    },
  }),
  route({
    method: 'PUT',
    path: '/products/{sku}',
    who: 'admin',
    summary: 'Changes the name and the price of a product.',
    calls: [update_product],
    params: bySku,
    body: z.strictObject({ name, price }),
    ifMatch: true,
    status: 200,
    answer: product,
    example: {
      params: EXAMPLE_SKU,
      body: { name: EXAMPLE.name, price: 1790 },
      answer: { ...EXAMPLE, price: 1790, version: 2 },
    },
    async handle({ services, params, body, version, person, call }) {
      const change = { ...params, version, ...body, actor: person.user };
      return answerOf(await services.products.update_product(change, call));
    },
  }),
  route({
    method: 'DELETE',
    path: '/products/{sku}',
    who: 'admin',
    summary: 'Takes a product out of the catalogue.',
    description: 'It is archived: carts and orders keep its name and price.',
    calls: [archive_product],
    params: bySku,
    ifMatch: true,
    status: 204,
    example: { params: EXAMPLE_SKU },
    async handle({ services, params, version, person, call }) {
      await services.products.archive_product({ ...params, version, actor: person.user }, call);
      return {};
    },
  }),
  route({
    method: 'POST',
    path: '/products/{sku}/stock',
    who: 'admin',
    summary: 'Puts goods on sale in a warehouse, or writes goods off.',
    description:
      'A delta below 0 takes off what is on sale; 0 is refused. With an Idempotency-Key, a repeated request counts once.',
    calls: [get_products, adjustStock],
    errors: { product_not_found },
    params: bySku,
    body: z.strictObject({ warehouseID: id, delta: int64.refine((delta) => delta !== 0n, 'expected no 0') }),
    idempotencyKey: 'optional',
    status: 200,
    answer: z.object({ onSale: uint64 }),
    example: { params: EXAMPLE_SKU, body: { warehouseID: '2', delta: 40 }, answer: { onSale: 40 } },
    async handle({ services, params, body, person, idempotencyKey = randomUUID(), call }) {
      await findProduct(services, params.sku, call);
      const delivery = { ...params, ...body, idempotencyKey, actor: person.user };
      return { body: await services.loms.adjustStock(delivery, call) };
    },
  }),
];

async function findProduct(services: Services, sku: number, call: CallOptions) {
  const { products: found } = await services.products.get_products({ skus: [sku] }, call);
  if (found[0] === undefined) throw fail(update_product, 'product_not_found', { sku });
  return found[0];
}

function answerOf(found: Omit<Product, 'archived'> & { archived: boolean }): Answer<Product> {
  return { body: toProduct(found), etag: found.version };
}

function toProduct({ archived, ...about }: Omit<Product, 'archived'> & { archived: boolean }): Product {
  return archived ? { ...about, archived } : about;
}
