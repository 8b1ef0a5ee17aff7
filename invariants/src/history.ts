import { createReadStream } from 'node:fs';
import { int64, parseJson, timestamp } from 'rpc-kit';
import { z } from 'zod';

/**
 * The calls of clients: JSON Lines, one operation a line, written when it has ended.
 *
 * 64-bit integers are JSON numbers with every digit, as on the wire; in memory they are bigints or, where that is exact,
 * numbers. Times are those of the writer's clock.
 */
const common = {
  /** A method of a contract, e.g. `purchase`. Only Y3 checks methods that are not in METHODS. */
  op: z.string().min(1),
  /** The idempotency key, or else the id of the order or the user, as text. */
  key: z.string(),
  /** The params as they were sent. */
  args: z.record(z.string(), z.unknown()),
  startedAt: timestamp,
  endedAt: timestamp,
  /** A client makes one call after the other. */
  client: z.string().min(1),
  /** The user of the access token, for calls through the gateway. */
  actsFor: int64.optional(),
};

export const operation = z.discriminatedUnion('result', [
  /** It happened, and this was the answer. */
  z.strictObject({ ...common, result: z.literal('ok'), answer: z.unknown() }),
  /** It was refused for a reason that the contract declares, e.g. `out_of_stock`; `data` are the reason's details. */
  z.strictObject({ ...common, result: z.literal('fail'), code: z.string().min(1), data: z.unknown().optional() }),
  /** Anything else: it may or may not have happened. A code of rpc-kit's table or a word of `TRANSPORT_REASONS`. */
  z.strictObject({ ...common, result: z.literal('info'), reason: z.string().min(1) }),
]);

export type Operation = z.output<typeof operation>;

/** Why a client got no answer with a code. */
export const TRANSPORT_REASONS = ['timeout', 'reset', 'refused', 'unreachable', 'closed', 'aborted by client'] as const;

/** A cart of a hundred lines with long names is 50 KB, so a longer line is not an operation. */
export const LINE_LENGTH_MAX = 1024 * 1024;

/** An invalid history; the message has the file, the line and the reason. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError';
}

const json = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** One line of a history, with the line feed at its end. */
export function toHistoryLine(done: Operation): string {
  const exact = (_key: string, value: unknown) => (typeof value === 'bigint' ? json.rawJSON(value.toString()) : value);
  return `${JSON.stringify(done, exact)}\n`;
}

/**
 * Reads a history as a stream, e.g. from `createReadStream`.
 * @param name for errors, e.g. the file's path
 * @throws {HistoryError}
 */
export async function* readHistory(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Operation> {
  let number = 0;
  for await (const line of splitLines(chunks, (line) => `${name}, line ${line}`)) {
    number += 1;
    if (line !== '') yield parseLine(line, `${name}, line ${number}`);
  }
}

async function* splitLines(chunks: AsyncIterable<Uint8Array>, place: (line: number) => string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  let rest = '';
  const decode = (chunk?: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw new HistoryError(`${place(line)} or soon after: this is not UTF-8 text.`);
    }
  };
  for await (const chunk of chunks) {
    const lines = `${rest}${decode(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      refuseLong(text, place(line));
      yield text;
      line += 1;
    }
    refuseLong(rest, place(line));
  }
  rest += decode();
  if (rest === '') return;
  // The writer was killed in the middle of a line: the last operation is lost, so the file is not complete.
  yield rest;
}

function refuseLong(text: string, place: string): void {
  if (text.length <= LINE_LENGTH_MAX) return;
  throw new HistoryError(`${place}: a line holds at most ${LINE_LENGTH_MAX} characters, this one holds more.`);
}

function parseLine(line: string, place: string): Operation {
  let value: unknown;
  try {
    value = parseJson(line);
  } catch {
    throw new HistoryError(
      `${place}: this is not JSON; was the writer killed in the middle of it? Then remove the line.`,
    );
  }
  const parsed = operation.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new HistoryError(`${place}: ${issue?.path.join('.') || 'the operation'}: ${issue?.message}.`);
}

/** The rules need random access, so a history is held in memory, about 1 KB an operation. */
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
