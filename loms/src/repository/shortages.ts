import type { Shortage } from '../domain/ports.ts';

/** JSON numbers beyond 2^53 lose digits, so the count is stored as text. */
export type StoredShortage = Omit<Shortage, 'available'> & { readonly available: string };

export function toJson(shortages: readonly Shortage[]): string {
  return JSON.stringify(shortages.map(({ available, ...rest }) => ({ ...rest, available: available.toString() })));
}

export function toShortage({ available, ...rest }: StoredShortage): Shortage {
  return { ...rest, available: BigInt(available) };
}
