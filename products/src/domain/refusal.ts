/** Why a call is refused, with the facts. The reasons are the contract's. */
export type Refused =
  | { readonly reason: 'product_exists'; readonly facts: { readonly sku: number } }
  | { readonly reason: 'product_not_found'; readonly facts: { readonly sku: number } }
  | { readonly reason: 'product_archived'; readonly facts: { readonly sku: number } }
  /** `version` is the current one. */
  | { readonly reason: 'version_conflict'; readonly facts: { readonly sku: number; readonly version: number } };

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
