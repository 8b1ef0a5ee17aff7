import type { Product } from '../domain/ports.ts';

export interface ProductRow {
  readonly sku: bigint;
  readonly name: string;
  readonly price: bigint;
  readonly version: number;
  readonly archived_at: Date | null;
}

export function toProduct({ sku, name, price, version, archived_at }: ProductRow): Product {
  return { sku: Number(sku), name, price: Number(price), version, archived: archived_at !== null };
}
