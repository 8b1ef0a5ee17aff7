import { fail, RpcError } from 'rpc-kit';
import { checkout } from '../../contract.ts';
import {
  CartEmpty,
  CartFull,
  InsufficientStock,
  OutOfStock,
  ProductNotFound,
  PurchaseContended,
} from '../domain/errors.ts';

const { addToCart, listCart, purchase } = checkout.methods;

/** A purchase of the same user that is in the way is over by then. */
const CONTENDED_RETRY_AFTER_MS = 1_000;

/** The one place where business errors become wire errors. What is not one of them passes through. */
export function toWireError(error: unknown): unknown {
  if (error instanceof InsufficientStock) {
    const { sku, requested, available } = error;
    return fail(addToCart, 'insufficient_stock', { sku, requested, available });
  }
  if (error instanceof CartFull) {
    const { linesMax, countMax } = error;
    return fail(addToCart, 'cart_full', { linesMax, countMax });
  }
  if (error instanceof ProductNotFound) return fail(listCart, 'product_not_found', { sku: error.sku });
  if (error instanceof CartEmpty) return fail(purchase, 'cart_empty');
  if (error instanceof OutOfStock) {
    return fail(purchase, 'out_of_stock', { orderID: error.orderID, shortages: [...error.shortages] });
  }
  if (error instanceof PurchaseContended) {
    const retryAfterMs = CONTENDED_RETRY_AFTER_MS;
    return new RpcError('aborted', 'Other purchases of this user are under way', { retryAfterMs, cause: error });
  }
  return error;
}
