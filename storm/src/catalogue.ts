import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const CATALOGUE = join(import.meta.dirname, '../../catalogue/catalogue.json');

/** What the shop of a local mesh sells. */
export async function readSkus(): Promise<number[]> {
  const products: { sku: number }[] = JSON.parse(await readFile(CATALOGUE, 'utf8'));
  return products.map(({ sku }) => sku);
}
