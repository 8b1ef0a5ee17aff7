import { defineService, int64, text, typeNames, uint16, uint32 } from 'rpc-kit';
import { z } from 'zod';

/** A page of skus; callers continue with startAfterSku. */
const SKUS_MAX = 1_000;

/** Skus of one get_products; a cart and an order have as many lines at most. */
export const GET_PRODUCTS_MAX = 100;
/** Over twice the longest name of the catalogue. A longer filter would find nothing. */
const NAME_LENGTH_MAX = 255;
const PAGE_MAX = 100;
const PAGE_DEFAULT = 20;
const CURSOR_LENGTH_MAX = 255;

const token = text(255);
const codes = { unauthenticated: 'The token is wrong.' } as const;

const product = z
  .object({ sku: uint32, name: z.string(), price: uint32, version: uint32, archived: z.boolean() })
  .register(typeNames, { name: 'Product' });
const name = text(NAME_LENGTH_MAX);
/** The acting admin, for the history of changes. */
const actor = int64.optional();

const product_not_found = {
  code: 'not_found',
  message: 'There is no such product',
  details: z.object({ sku: uint32 }),
} as const;

const version_conflict = {
  code: 'aborted',
  message: 'The product has another version by now',
  details: z.object({
    sku: uint32,
    /** The current one. */
    version: uint32,
  }),
} as const;

export const products = defineService(
  'products',
  {
    summary: 'The product catalogue: names and prices.',
    version: '0.1.0',
    contact: { name: 'The maintainers of order-mesh' },
  },
  {
    get_product: {
      summary: 'Gives the name and the price of a product.',
      params: z.strictObject({ token, sku: uint32 }),
      result: z.object({ name: z.string(), price: uint32 }),
      errors: { product_not_found },
      codes,
      timeoutMs: 1_000,
      reads: true,
      access: { callers: ['checkout', 'gateway'] },
      positions: ['token', 'sku'],
      example: {
        params: { token: 'testtoken', sku: 1076963 },
        result: { name: 'Теория нравственных чувств | Смит Адам', price: 3379 },
      },
    },
    list_skus: {
      summary: 'Lists the skus of the catalogue, ascending.',
      params: z.strictObject({
        token,
        startAfterSku: uint32,
        count: uint32.min(1).max(SKUS_MAX).meta({ format: 'uint32' }),
      }),
      result: z.object({ skus: z.array(uint32) }),
      codes,
      timeoutMs: 1_000,
      reads: true,
      access: { callers: ['checkout', 'gateway'] },
      positions: ['token', 'startAfterSku', 'count'],
      example: { params: { token: 'testtoken', startAfterSku: 1000000, count: 1 }, result: { skus: [1076963] } },
    },
    get_products: {
      summary: 'Gives products by their skus, ascending.',
      description: 'Unknown skus are left out, archived products are not.',
      params: z.strictObject({ skus: z.array(uint32).min(1).max(GET_PRODUCTS_MAX) }),
      result: z.object({ products: z.array(product) }),
      timeoutMs: 500,
      reads: true,
      access: { callers: ['checkout', 'gateway'] },
      positions: ['skus'],
      example: {
        params: { skus: [1076963] },
        result: {
          products: [
            {
              sku: 1076963,
              name: 'Теория нравственных чувств | Смит Адам',
              price: 3379,
              version: 1,
              archived: false,
            },
          ],
        },
      },
    },
    list_products: {
      summary: 'Lists the products that can be bought, ascending by sku.',
      description:
        'Archived products are left out. name selects the products whose name contains it, in upper or lower case. ' +
        'Pass nextCursor as the cursor of the next page; the last page has none.',
      params: z.strictObject({
        name: name.optional(),
        limit: uint16.min(1).max(PAGE_MAX).meta({ format: 'uint16' }).default(PAGE_DEFAULT),
        cursor: text(CURSOR_LENGTH_MAX).optional(),
      }),
      result: z.object({ products: z.array(product), nextCursor: z.string().optional() }),
      timeoutMs: 1_000,
      reads: true,
      access: { callers: ['gateway'] },
      example: {
        params: { name: 'теория нравственных', limit: 1 },
        result: {
          products: [
            {
              sku: 1076963,
              name: 'Теория нравственных чувств | Смит Адам',
              price: 3379,
              version: 1,
              archived: false,
            },
          ],
        },
      },
    },
    create_product: {
      summary: 'Adds a product to the catalogue.',
      description:
        'A sku is used once: that of an archived product is taken too. After a lost answer, repeat the call; product_exists ' +
        'then means that this or another call has created it, and get_products shows which.',
      params: z.strictObject({ sku: uint32, name, price: uint32, actor }),
      result: product,
      errors: {
        product_exists: {
          code: 'already_exists',
          message: 'There is a product with this sku',
          details: z.object({ sku: uint32 }),
        },
      },
      timeoutMs: 1_000,
      access: { callers: ['gateway'] },
      positions: ['sku', 'name', 'price', 'actor'],
      example: {
        params: { sku: 5000001, name: 'Чайник эмалированный, 2 л', price: 1990 },
        result: { sku: 5000001, name: 'Чайник эмалированный, 2 л', price: 1990, version: 1, archived: false },
      },
    },
    update_product: {
      summary: 'Changes the name, the price or both of a product.',
      description:
        'version is the version that the caller has seen: of several calls with one version, one takes effect. A call ' +
        'without name and price is refused. After a lost answer, read the product: a version one higher with the new name ' +
        'and price means that the change was made.',
      params: z
        .strictObject({ sku: uint32, version: uint32, name: name.optional(), price: uint32.optional(), actor })
        .refine(({ name, price }) => name !== undefined || price !== undefined, {
          path: ['name'],
          error: 'expected a name, a price or both',
        }),
      result: product,
      errors: {
        product_not_found,
        version_conflict,
        product_archived: {
          code: 'failed_precondition',
          message: 'An archived product cannot be changed',
          details: z.object({ sku: uint32 }),
        },
      },
      timeoutMs: 1_000,
      access: { callers: ['gateway'] },
      positions: ['sku', 'version', 'name', 'price', 'actor'],
      example: {
        params: { sku: 5000001, version: 1, price: 1790 },
        result: { sku: 5000001, name: 'Чайник эмалированный, 2 л', price: 1790, version: 2, archived: false },
      },
    },
    archive_product: {
      summary: 'Takes a product out of the catalogue.',
      description:
        'Carts and orders keep its name and price, but it is no longer listed, added to carts or changed. Archiving an ' +
        'archived product with its current version changes nothing. After a lost answer, repeat the call with the version ' +
        'of version_conflict.',
      params: z.strictObject({ sku: uint32, version: uint32, actor }),
      result: product,
      errors: { product_not_found, version_conflict },
      timeoutMs: 1_000,
      access: { callers: ['gateway'] },
      positions: ['sku', 'version', 'actor'],
      example: {
        params: { sku: 5000001, version: 2 },
        result: { sku: 5000001, name: 'Чайник эмалированный, 2 л', price: 1790, version: 3, archived: true },
      },
    },
  },
);
