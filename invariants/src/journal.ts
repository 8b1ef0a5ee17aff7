/**
 * One delivery to a user, as notifications told it to the outside. Nothing writes a journal of them yet; whoever reads one
 * gives its lines, in their order, as `sources.journal`, and E2 and E3 look at them.
 */
export interface Delivery {
  readonly orderID: bigint;
  readonly seq: number;
}
