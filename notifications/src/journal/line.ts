import { parseJson, stringifyJson, timestamp } from 'rpc-kit';
import { z } from 'zod';
import { notification } from '../../contract.ts';
import type { Notification } from '../domain/ports.ts';

/** The first line identifies the journal, whatever the name of its file. */
const header = z.object({ journal: z.uuid(), version: z.literal(1) });

export function toHeader(journalID: string): string {
  return `${JSON.stringify({ journal: journalID, version: 1 })}\n`;
}

/** Whether a write of a header may have been torn here. */
export function isBeginOfHeader(bytes: Buffer): boolean {
  const any = toHeader('00000000-0000-0000-0000-000000000000');
  const id = any.indexOf('0');
  return bytes.length < any.length && any.startsWith(bytes.toString('latin1', 0, id));
}

/** @returns `undefined` if the line is not a header */
export function parseHeader(line: string): string | undefined {
  const parsed = header.safeParse(parse(line));
  return parsed.success ? parsed.data.journal : undefined;
}

const entry = notification.extend({ journaledAt: timestamp });

export function toLine(stored: Notification, journaledAt: Date): string {
  return `${stringifyJson(z.encode(entry, { ...stored, journaledAt }))}\n`;
}

const key = notification.pick({ eventID: true });

/** @returns `undefined` if the line is not a notification */
export function parseEventID(line: string): string | undefined {
  const parsed = key.safeParse(parse(line));
  return parsed.success ? parsed.data.eventID : undefined;
}

function parse(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}
