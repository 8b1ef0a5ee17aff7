import type { RecordsBatch } from '@platformatic/kafka';
import type { KafkaRecord } from './read-message.ts';

/** Control batches hold the marks of transactions, not messages. */
const IS_CONTROL = 0b10_0000;
/** Headers are kept with dead letters; what is more than this was not made by loms. */
const HEADERS_MAX = 32;
const HEADER_LENGTH_MAX = 256;

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
      records.push({ offset, key: key ?? undefined, value: value ?? undefined, headers: toHeaders(headers) });
    }
  }
  return { records, next };
}

function toHeaders(headers: Iterable<readonly [unknown, unknown]>): Record<string, string> {
  const some = [...headers].slice(0, HEADERS_MAX);
  return Object.fromEntries(some.map(([name, value]) => [toText(name), toText(value)]));
}

/** jsonb has no NUL. */
function toText(bytes: unknown): string {
  return String(bytes ?? '')
    .slice(0, HEADER_LENGTH_MAX)
    .replaceAll('\0', '\uFFFD');
}
