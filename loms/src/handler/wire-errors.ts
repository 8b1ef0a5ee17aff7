import { fail, RpcError } from 'rpc-kit';
import { loms } from '../../contract.ts';
import {
  CountTooLarge,
  IdempotencyConflict,
  OrderNotCancellable,
  OrderNotFound,
  OrderNotPayable,
  OutOfStock,
} from '../domain/errors.ts';

const { createOrder, listOrder, orderPayed, cancelOrder } = loms.methods;

/** The one place where business errors become wire errors. What is not one of them passes through. */
export function toWireError(error: unknown): unknown {
  if (error instanceof OutOfStock) {
    return fail(createOrder, 'out_of_stock', { orderID: error.orderID, shortages: [...error.shortages] });
  }
  if (error instanceof IdempotencyConflict) return fail(createOrder, 'idempotency_conflict');
  if (error instanceof OrderNotFound) return fail(listOrder, 'order_not_found', { orderID: error.orderID });
  if (error instanceof OrderNotPayable) return fail(orderPayed, 'order_not_payable', { status: error.status });
  if (error instanceof OrderNotCancellable) return fail(cancelOrder, 'order_not_cancellable', { status: error.status });
  if (error instanceof CountTooLarge) {
    const message = `the lines of sku ${error.sku} add up to more than ${error.countMax}`;
    const details = { issues: [{ path: 'items', message }] };
    return new RpcError('invalid_params', `Invalid params: items: ${message}`, { details });
  }
  return error;
}
