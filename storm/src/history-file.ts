import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { type Operation, toHistoryLine } from 'invariants';
import { createFolder, Failure, shortPath } from 'mesh';
import type { RecordedCall } from './recorder.ts';

/** The history of a storm, a line for each call: for the checker, and for the search of one call afterwards. */
export interface HistoryFile {
  readonly path: string;
  /** Rejects when a write fails, e.g. because the disk is full. */
  readonly broken: Promise<never>;
  add(call: RecordedCall): void;
  close(): Promise<void>;
}

export async function createHistoryFile(path: string): Promise<HistoryFile> {
  const file = (await create(path)).createWriteStream();
  const written = finished(file);
  const broken = written.then(() => new Promise<never>(() => {}));
  broken.catch(() => {});
  return {
    path,
    broken,
    add: (call) => file.write(toHistoryLine(toOperation(call))),
    async close() {
      file.end();
      await written;
    },
  };
}

/** Never overwrites the file of an earlier storm: it may be evidence of a fault. */
async function create(path: string) {
  try {
    createFolder(dirname(path));
    return await open(path, 'wx');
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    const what = code === 'EEXIST' && syscall === 'open' ? 'exists already' : `cannot be created (${code})`;
    throw new Failure(`${shortPath(path)} ${what}: name a new file by HISTORY, or unset it.`);
  }
}

export function toOperation({ client, actsFor, method, params, outcome, startedAt, endedAt }: RecordedCall): Operation {
  const edge = actsFor === undefined ? {} : { actsFor };
  const common = { op: method, key: keyOf(params), args: { ...params }, startedAt, endedAt, client, ...edge };
  switch (outcome.result) {
    case 'ok':
      return { ...common, result: 'ok', answer: outcome.answer };
    case 'fail':
      return { ...common, result: 'fail', code: outcome.reason, data: outcome.details };
    case 'info':
      // Only the caller's own signal leads to this code.
      return { ...common, result: 'info', reason: outcome.code === 'cancelled' ? 'aborted by client' : outcome.code };
  }
}

/** The idempotency key, or else the subject of the call. */
function keyOf({ idempotencyKey, orderID, user, sku }: RecordedCall['params']): string {
  return String(idempotencyKey ?? orderID ?? user ?? sku ?? '');
}
