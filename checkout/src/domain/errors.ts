import type { Shortage } from './ports.ts';

/** The business errors of carts and purchases. They carry facts; the handler makes wire errors of them. */

export class InsufficientStock extends Error {
  override readonly name = 'InsufficientStock';
  readonly sku: number;
  /** What the cart would hold. */
  readonly requested: number;
  readonly available: bigint;

  constructor(sku: number, requested: number, available: bigint) {
    super(`${requested} of sku ${sku} in a cart, ${available} on sale`);
    this.sku = sku;
    this.requested = requested;
    this.available = available;
  }
}

export class CartFull extends Error {
  override readonly name = 'CartFull';
  readonly linesMax: number;
  readonly countMax: number;

  constructor(linesMax: number, countMax: number) {
    super(`a cart holds at most ${linesMax} skus and ${countMax} of each`);
    this.linesMax = linesMax;
    this.countMax = countMax;
  }
}

export class CartEmpty extends Error {
  override readonly name = 'CartEmpty';
}

export class OutOfStock extends Error {
  override readonly name = 'OutOfStock';
  /** The order that loms kept as failed. */
  readonly orderID: bigint;
  readonly shortages: readonly Shortage[];

  constructor(orderID: bigint, shortages: readonly Shortage[]) {
    super(`order ${orderID} is short of ${shortages.length} skus`);
    this.orderID = orderID;
    this.shortages = shortages;
  }
}

/** loms refused the order in a way that only a mistake of ours explains. */
export class PurchaseRejected extends Error {
  override readonly name = 'PurchaseRejected';
}

/** Other purchases of the same user got in between each time. */
export class PurchaseContended extends Error {
  override readonly name = 'PurchaseContended';
}

export class ProductNotFound extends Error {
  override readonly name = 'ProductNotFound';
  readonly sku: number;

  constructor(sku: number) {
    super(`no product ${sku}`);
    this.sku = sku;
  }
}
