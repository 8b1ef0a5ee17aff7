import type { OrderStatus, Place, Shortage } from './ports.ts';

/** Why a call is refused, and the facts: the contract's errors, and `count_too_large`, which the handler answers itself. */
export type Refused =
  /** `orderID` is the order that was kept as failed. */
  | {
      readonly reason: 'out_of_stock';
      readonly facts: { readonly orderID: bigint; readonly shortages: readonly Shortage[] };
    }
  | { readonly reason: 'idempotency_conflict'; readonly facts?: undefined }
  | { readonly reason: 'order_not_found'; readonly facts: { readonly orderID: bigint } }
  | { readonly reason: 'order_not_payable'; readonly facts: { readonly status: OrderStatus } }
  | { readonly reason: 'order_not_cancellable'; readonly facts: { readonly status: OrderStatus } }
  /** `onSale` is what was on sale when the adjustment was refused. */
  | { readonly reason: 'insufficient_stock'; readonly facts: Place & { readonly onSale: bigint } }
  | { readonly reason: 'stock_too_large'; readonly facts: Place & { readonly onSale: bigint } }
  /** The lines of one sku add up to more than an order's line can hold. */
  | { readonly reason: 'count_too_large'; readonly facts: { readonly sku: number; readonly countMax: number } };

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: Refused['reason'];
  readonly facts: Refused['facts'];

  constructor({ reason, facts }: Refused) {
    super(`refused: ${reason}`);
    this.reason = reason;
    this.facts = facts;
  }
}

/** Narrows an error to the refusal with this reason. */
export function isRefusal<R extends Refused['reason']>(
  error: unknown,
  reason: R,
): error is Refusal & Extract<Refused, { readonly reason: R }> {
  return error instanceof Refusal && error.reason === reason;
}
