import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Texts that must stand nowhere in the files of a folder. */
export interface LogSearch {
  readonly folder: string;
  readonly secrets: readonly string[];
}

/** A shorter text stands in logs by chance. */
export const SECRET_LENGTH_MIN = 6;
/** Shown of a file; where one line gives a secret away, thousands may. */
const HITS_MAX = 3;

/** Where a secret stands. The secret itself is not repeated: whatever reads this would be one more place. */
export async function findSecrets({ folder, secrets }: LogSearch): Promise<{ file: string; line: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(files.toSorted().map((file) => findIn(file, secrets)));
  return found.flat();
}

async function findIn(file: string, secrets: readonly string[]): Promise<{ file: string; line: number }[]> {
  const hits: { file: string; line: number }[] = [];
  let number = 0;
  for await (const line of createInterface({
    input: createReadStream(file, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    number += 1;
    if (!secrets.some((secret) => line.includes(secret))) continue;
    hits.push({ file, line: number });
    if (hits.length >= HITS_MAX) break;
  }
  return hits;
}
