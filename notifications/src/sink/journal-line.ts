import { parseJson, stringifyJson } from 'rpc-kit';
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

/** One notification as a line, with every digit of its numbers. */
export function toLine({ eventID, orderID, seq, user, status, at, text }: Notification, journaledAt: Date): string {
  return `${stringifyJson({ eventID, orderID, seq, user, status, at, text, journaledAt })}\n`;
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
