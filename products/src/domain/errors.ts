export class ProductNotFound extends Error {
  override readonly name = 'ProductNotFound';
  readonly sku: number;

  constructor(sku: number) {
    super(`no product ${sku}`);
    this.sku = sku;
  }
}
