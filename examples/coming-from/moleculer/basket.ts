import { type Context, Errors, type ServiceSchema } from 'moleculer';

async function priceOf(ctx: Context, sku: number): Promise<number | undefined> {
  try {
    const { price } = await ctx.call<{ price: number }, { sku: number }>('prices.priceOf', { sku });
    return price;
  } catch (error) {
    if (error instanceof Errors.MoleculerError && error.type === 'unknown_sku') return undefined;
    throw error;
  }
}

export const basket: ServiceSchema = {
  name: 'basket',
  dependencies: ['prices'],
  actions: {
    total: {
      params: { skus: { type: 'array', max: 100, items: { type: 'number', integer: true } } },
      async handler(ctx: Context<{ skus: number[] }>) {
        const { skus } = ctx.params;
        const found = await Promise.all(skus.map((sku) => priceOf(ctx, sku)));
        const total = found.reduce<number>((sum, price) => sum + (price ?? 0), 0);
        return { total, unknown: skus.filter((_sku, index) => found[index] === undefined) };
      },
    },
  },
};
