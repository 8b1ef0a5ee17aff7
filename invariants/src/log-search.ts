import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Texts that no file of a folder may contain. */
export interface LogSearch {
  readonly folder: string;
  readonly secrets: readonly string[];
}

/** Logs contain shorter texts by chance. */
export const SECRET_LENGTH_MIN = 6;
/** Hits to report for each file, which may have thousands. */
const HITS_MAX = 3;

/** Where a secret was found. The result does not contain the secret, so it is not copied into a report. */
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
