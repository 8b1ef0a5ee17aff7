import type { OrderStatus, Shortage } from './ports.ts';

/** The business errors of orders. They carry facts; the handler makes wire errors of them. */

export class OutOfStock extends Error {
  override readonly name = 'OutOfStock';
  /** The order that was kept as failed. */
  readonly orderID: bigint;
  readonly shortages: readonly Shortage[];

  constructor(orderID: bigint, shortages: readonly Shortage[]) {
    super(`order ${orderID} is short of ${shortages.length} skus`);
    this.orderID = orderID;
    this.shortages = shortages;
  }
}

/** The lines of one sku add up to more than an order's line can hold. */
export class CountTooLarge extends Error {
  override readonly name = 'CountTooLarge';
  readonly sku: number;
  readonly countMax: number;

  constructor(sku: number, countMax: number) {
    super(`the lines of sku ${sku} add up to more than ${countMax}`);
    this.sku = sku;
    this.countMax = countMax;
  }
}

export class IdempotencyConflict extends Error {
  override readonly name = 'IdempotencyConflict';
}

export class OrderNotFound extends Error {
  override readonly name = 'OrderNotFound';
  readonly orderID: bigint;

  constructor(orderID: bigint) {
    super(`no order ${orderID}`);
    this.orderID = orderID;
  }
}

export class OrderNotPayable extends Error {
  override readonly name = 'OrderNotPayable';
  readonly status: OrderStatus;

  constructor(status: OrderStatus) {
    super(`an order that is ${status} cannot be payed`);
    this.status = status;
  }
}

export class OrderNotCancellable extends Error {
  override readonly name = 'OrderNotCancellable';
  readonly status: OrderStatus;

  constructor(status: OrderStatus) {
    super(`an order that is ${status} cannot be cancelled`);
    this.status = status;
  }
}
