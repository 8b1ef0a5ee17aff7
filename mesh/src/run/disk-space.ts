import { statfs } from 'node:fs/promises';
import { Failure } from '../failure.ts';
import { shortPath } from '../mesh-config.ts';

/** A fresh cluster takes 40 MiB, and Postgres keeps up to 1 GiB of write-ahead log. */
const FREE_BYTES_MIN = 1024 ** 3;

export async function refuseFullDisk(directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= FREE_BYTES_MIN) return;
  const mebibytes = Math.floor(free / 1024 ** 2);
  throw new Failure(
    `Only ${mebibytes} MiB are free where ${shortPath(directory)} lies and Postgres needs 1024: free some space, or set MESH_DIR to a folder on another disk.`,
  );
}
