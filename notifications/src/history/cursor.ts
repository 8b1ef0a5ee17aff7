import { orderEvent } from 'loms/contract.ts';
import { parseJson, stringifyJson } from 'rpc-kit';
import { z } from 'zod';
import type { Position } from './history.ts';

const { at, orderID, seq } = orderEvent.shape;
const wirePosition = z.tuple([at, orderID, seq]);

/** An opaque text that clients return unchanged. */
export function toCursor({ at, orderID, seq }: Position): string {
  const json = stringifyJson(z.encode(wirePosition, [at, orderID, seq]));
  return Buffer.from(json).toString('base64url');
}

/** @returns `undefined` if `toCursor` does not make this text */
export function parseCursor(text: string): Position | undefined {
  const decoded = z.safeDecode(wirePosition, parseText(Buffer.from(text, 'base64url').toString()) as never);
  if (!decoded.success) return undefined;
  const [at, orderID, seq] = decoded.data;
  const position = { at, orderID, seq };
  // base64 decoding is lenient and one position has many JSON texts, so only the exact text of toCursor is valid.
  return toCursor(position) === text ? position : undefined;
}

function parseText(json: string): unknown {
  try {
    return parseJson(json);
  } catch {
    return undefined;
  }
}
