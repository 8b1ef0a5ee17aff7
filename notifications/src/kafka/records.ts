import type { RecordsBatch } from '@platformatic/kafka';
import { orderEvents } from 'loms/contract.ts';
import { storableText } from 'rpc-kit';
import type { KafkaRecord } from './read-message.ts';

/** Control batches hold the markers of transactions, not messages. */
const IS_CONTROL = 0b10_0000;
/** Headers are stored with dead letters. loms sends fewer. */
const HEADERS_MAX = 32;
/** The longest header of loms, the tracestate, which is useless when cut. */
const HEADER_LENGTH_MAX = 512;
/** Of one character in UTF-8: bounds the bytes to decode. */
const CHARACTER_BYTES_MAX = 4;

/** The records of some batches from an offset on, and the offset behind them. */
export function toRecords(batches: readonly RecordsBatch[], from: bigint): { records: KafkaRecord[]; next: bigint } {
  let next = from;
  const records: KafkaRecord[] = [];
  for (const batch of batches) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    if (last >= next) next = last + 1n;
    if ((batch.attributes & IS_CONTROL) !== 0) continue;
    for (const { offsetDelta, key, value, headers } of batch.records) {
      const offset = batch.firstOffset + BigInt(offsetDelta);
      // The broker sends whole batches, also from before the offset.
      if (offset < from) continue;
      records.push({ offset, key: toBytes(key), value: toBytes(value), headers: toHeaders(headers) });
    }
  }
  return { records, next };
}

/** Longer parts may be nearly as long as the response, so a copy would save nothing. */
const COPIED_BYTES_MAX = 65_536;

/** Copies, because a small slice would keep the whole response in memory, megabytes of foreign headers included. */
function toBytes(part: Buffer | null | undefined): Buffer | undefined {
  if (part === null || part === undefined) return undefined;
  return part.length <= COPIED_BYTES_MAX ? Buffer.from(part) : part;
}

function toHeaders(headers: Iterable<readonly [unknown, unknown]>): Record<string, string> {
  const some = [...headers].slice(0, HEADERS_MAX).map(([name, value]) => [toText(name), toText(value)]);
  // Baggage may hold personal data, and dead letters are stored and shown.
  return Object.fromEntries(some.filter(([name]) => name !== orderEvents.headers.baggage));
}

function toText(bytes: unknown): string {
  if (!Buffer.isBuffer(bytes)) return '';
  return storableText(bytes.toString('utf8', 0, HEADER_LENGTH_MAX * CHARACTER_BYTES_MAX), HEADER_LENGTH_MAX);
}
