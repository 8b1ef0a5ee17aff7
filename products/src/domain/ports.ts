export interface Product {
  readonly sku: number;
  readonly name: string;
  /** In whole roubles. */
  readonly price: number;
}

/** What the catalogue is kept in. */
export interface Catalogue {
  find(sku: number): Promise<Product | undefined>;
  /** Ascending, at most `count` of them. */
  skusAfter(startAfterSku: number, count: number): Promise<number[]>;
}
