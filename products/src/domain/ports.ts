/** Who waits for the work: when the signal aborts, at the deadline or because the caller left, it is cut off. */
export interface Context {
  readonly signal: AbortSignal;
  readonly deadlineAt?: number;
}

export interface Product {
  readonly sku: number;
  readonly name: string;
  /** In whole roubles. */
  readonly price: number;
}

/** What the catalogue is kept in. */
export interface Catalogue {
  find(sku: number, context: Context): Promise<Product | undefined>;
  /** Ascending, at most `count` of them. */
  skusAfter(startAfterSku: number, count: number, context: Context): Promise<number[]>;
}
