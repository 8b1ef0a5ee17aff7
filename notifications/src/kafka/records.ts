import type { RecordsBatch } from '@platformatic/kafka';
import { orderEvents } from 'loms/contract.ts';
import { storableText } from 'rpc-kit';
import type { KafkaRecord } from './read-message.ts';

/** Control batches hold the marks of transactions, not messages. */
const IS_CONTROL = 0b10_0000;
/** Headers are kept with dead letters; what is more than this was not made by loms. */
const HEADERS_MAX = 32;
/** As long as the longest header of loms, the tracestate: one that is cut would be none. */
const HEADER_LENGTH_MAX = 512;
/** Of UTF-8, a character has at most this many bytes, so no more of a header has to be decoded. */
const CHARACTER_BYTES_MAX = 4;

/** The records of some batches from an offset on, and where to go on behind them. */
export function toRecords(batches: readonly RecordsBatch[], from: bigint): { records: KafkaRecord[]; next: bigint } {
  let next = from;
  const records: KafkaRecord[] = [];
  for (const batch of batches) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    if (last >= next) next = last + 1n;
    if ((batch.attributes & IS_CONTROL) !== 0) continue;
    for (const { offsetDelta, key, value, headers } of batch.records) {
      const offset = batch.firstOffset + BigInt(offsetDelta);
      // A batch is sent whole, also when it was asked for from its middle on.
      if (offset < from) continue;
      records.push({ offset, key: toBytes(key), value: toBytes(value), headers: toHeaders(headers) });
    }
  }
  return { records, next };
}

/** The longest part that is copied: what is longer may be as long as the broker's answer itself. */
const COPIED_BYTES_MAX = 65_536;

/** A copy: a small part of the broker's answer would keep the whole of it in memory, megabytes of foreign headers included. */
function toBytes(part: Buffer | null | undefined): Buffer | undefined {
  if (part === null || part === undefined) return undefined;
  return part.length <= COPIED_BYTES_MAX ? Buffer.from(part) : part;
}

function toHeaders(headers: Iterable<readonly [unknown, unknown]>): Record<string, string> {
  const some = [...headers].slice(0, HEADERS_MAX).map(([name, value]) => [toText(name), toText(value)]);
  // Baggage may tell of persons, and dead letters are kept and shown; nothing here needs it.
  return Object.fromEntries(some.filter(([name]) => name !== orderEvents.headers.baggage));
}

function toText(bytes: unknown): string {
  if (!Buffer.isBuffer(bytes)) return '';
  return storableText(bytes.toString('utf8', 0, HEADER_LENGTH_MAX * CHARACTER_BYTES_MAX), HEADER_LENGTH_MAX);
}
