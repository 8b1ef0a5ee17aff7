/** The ports of the domain. Repositories implement them; tests use stubs. */

/** Scope of a call: when the signal aborts, at the deadline or because the caller left, its statements are cancelled. */
export interface Context {
  readonly signal: AbortSignal;
}

/** A call that changes a product. The history of changes keeps all of it but the signal. */
export interface Change extends Context {
  /** The acting admin, if the caller names one. */
  readonly actor: bigint | undefined;
  /** The name of the calling service; '' for a caller without a name. */
  readonly caller: string;
  readonly requestId: string;
}

export interface NewProduct {
  readonly sku: number;
  readonly name: string;
  /** In whole roubles. */
  readonly price: number;
}

export interface Product extends NewProduct {
  /** Counts the changes of the product from 1 without gaps. */
  readonly version: number;
  /** An archived product keeps its name and price for carts and orders. It is not listed and never changes again. */
  readonly archived: boolean;
}

export interface Page {
  /** Part of the name, in upper or lower case. */
  readonly name: string | undefined;
  /** Only products with a higher sku. */
  readonly afterSku: number | undefined;
  readonly count: number;
}

/** Reads that need no transaction. Products ascend by sku. */
export interface Catalogue {
  find(sku: number, context: Context): Promise<NewProduct | undefined>;
  /** At most `count`, archived ones included. */
  skusAfter(startAfterSku: number, count: number, context: Context): Promise<number[]>;
  /** Archived ones included. */
  findAll(skus: readonly number[], context: Context): Promise<Product[]>;
  /** Without archived products. */
  list(page: Page, context: Context): Promise<Product[]>;
}

/** The products of one transaction. `create` and `change` add a row to the history of changes. */
export interface Products {
  /** @returns false if there is a product with this sku */
  create(product: NewProduct): Promise<boolean>;
  /** Reads the product and locks it until the transaction ends. */
  lock(sku: number): Promise<Product | undefined>;
  /** @param next the next version of a locked product */
  change(action: 'updated' | 'archived', next: Product): Promise<void>;
}

/** The unit of work: a change and its row in the history commit together or not at all. A lost race repeats the work. */
export interface Store {
  transaction<T>(work: (products: Products) => Promise<T>, change: Change): Promise<T>;
}
