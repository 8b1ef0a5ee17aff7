import { int64, parseJson, stringifyJson, timestamp, uint32 } from 'rpc-kit';
import { z } from 'zod';
import type { Notification } from '../domain/ports.ts';

/** The first line of a journal: what file it is, whatever its name. */
const header = z.object({ journal: z.uuid(), version: z.literal(1) });

export function toHeader(journalID: string): string {
  return `${JSON.stringify({ journal: journalID, version: 1 })}\n`;
}

/** @returns `undefined` when the line does not begin a journal */
export function parseHeader(line: string): string | undefined {
  const parsed = header.safeParse(parse(line));
  return parsed.success ? parsed.data.journal : undefined;
}

/** A line in wire form. The kit's own types keep every digit. */
const entry = z.object({
  eventID: z.uuid(),
  orderID: int64,
  seq: uint32,
  user: int64,
  status: z.string(),
  at: timestamp,
  text: z.string(),
  journaledAt: timestamp,
});

/** One notification as a line. */
export function toLine({ eventID, orderID, seq, user, status, at, text }: Notification, journaledAt: Date): string {
  const line = z.encode(entry, { eventID, orderID, seq, user, status, at, text, journaledAt });
  return `${stringifyJson(line)}\n`;
}

/** @returns the eventID, `undefined` when the line tells of no notification */
export function parseEventID(line: string): string | undefined {
  const parsed = z.object({ eventID: z.uuid() }).safeParse(parse(line));
  return parsed.success ? parsed.data.eventID : undefined;
}

function parse(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}
