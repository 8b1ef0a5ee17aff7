/** Scope of a call: when the signal aborts, at the deadline or because the caller left, its statements are cancelled. */
export interface Context {
  readonly signal: AbortSignal;
}

export interface Product {
  readonly sku: number;
  readonly name: string;
  /** In whole roubles. */
  readonly price: number;
}

/** The port to the table of products. */
export interface Catalogue {
  find(sku: number, context: Context): Promise<Product | undefined>;
  /** Ascending, at most `count` of them. */
  skusAfter(startAfterSku: number, count: number, context: Context): Promise<number[]>;
}
