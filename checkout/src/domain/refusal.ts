import type { Shortage } from './ports.ts';

/** Why a call is refused, with the facts. The reasons are the contract's, except `contended`, which the handler maps itself. */
export type Refused =
  /** `requested` is what the cart would hold. */
  | {
      readonly reason: 'insufficient_stock';
      readonly facts: { readonly sku: number; readonly requested: number; readonly available: bigint };
    }
  | { readonly reason: 'product_archived'; readonly facts: { readonly sku: number } }
  | { readonly reason: 'cart_full'; readonly facts: { readonly linesMax: number; readonly countMax: number } }
  | { readonly reason: 'cart_empty'; readonly facts?: undefined }
  /** `orderID` is the order that loms kept as failed. */
  | {
      readonly reason: 'out_of_stock';
      readonly facts: { readonly orderID: bigint; readonly shortages: readonly Shortage[] };
    }
  | { readonly reason: 'product_not_found'; readonly facts: { readonly sku: number } }
  /** Other purchases of the user came first, in every round. */
  | { readonly reason: 'contended'; readonly facts?: undefined };

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
