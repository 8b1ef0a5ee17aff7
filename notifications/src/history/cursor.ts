import { int64, parseJson, stringifyJson, timestamp, uint32 } from 'rpc-kit';
import { z } from 'zod';
import type { Position } from '../domain/ports.ts';

/** A position in wire form. The kit's own types keep every digit and refuse what the database could not hold. */
const wirePosition = z.tuple([timestamp, int64, uint32.min(1)]);

/** A position as text that callers hand back unread. */
export function toCursor({ at, orderID, seq }: Position): string {
  const json = stringifyJson(z.encode(wirePosition, [at, orderID, seq]));
  return Buffer.from(json).toString('base64url');
}

/** @returns `undefined` when the text is no cursor of ours */
export function parseCursor(text: string): Position | undefined {
  const decoded = z.safeDecode(wirePosition, parseText(Buffer.from(text, 'base64url').toString()) as never);
  if (!decoded.success) return undefined;
  const [at, orderID, seq] = decoded.data;
  const position = { at, orderID, seq };
  // base64 is decoded leniently and one position has many JSON texts; only the one text that we make is ours.
  return toCursor(position) === text ? position : undefined;
}

function parseText(json: string): unknown {
  try {
    return parseJson(json);
  } catch {
    return undefined;
  }
}
