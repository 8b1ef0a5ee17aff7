import { createReadStream } from 'node:fs';
import { HistoryError, type Operation, readHistory } from './history.ts';

/** All of a history file: the rules look at it from many sides, so it is held in memory, about 1 KB an operation. */
const OPERATIONS_MAX = 1_000_000;

/** @throws {HistoryError} */
export async function loadHistory(path: string): Promise<Operation[]> {
  const operations: Operation[] = [];
  try {
    for await (const operation of readHistory(createReadStream(path), path)) {
      if (operations.length >= OPERATIONS_MAX) {
        throw new HistoryError(`${path} holds more than ${OPERATIONS_MAX} operations: check shorter runs.`);
      }
      operations.push(operation);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof HistoryError || code === undefined) throw error;
    throw new HistoryError(`The history ${path} cannot be read (${code}): HISTORY=… has to name a file.`);
  }
  return operations;
}
