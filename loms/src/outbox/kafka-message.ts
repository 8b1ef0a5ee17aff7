import { stringifyJson } from 'rpc-kit';
import { z } from 'zod';
import { orderEvents } from '../../contract.ts';
import type { OrderEvent } from './event.ts';

export interface KafkaMessage {
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Map<Buffer, Buffer>;
}

/** The event as a message, by the contract that loms publishes. */
export function toMessage(event: OrderEvent, topic: string = orderEvents.topic): KafkaMessage {
  const { eventID, orderID, seq, user, status, at, requestId, traceparent, tracestate, baggage } = event;
  const { version, headers, schema, contentType } = orderEvents;
  const value = z.encode(schema, { version, eventID, orderID, seq, user, status, at });
  return {
    topic,
    key: Buffer.from(orderEvents.keyOf(orderID)),
    value: Buffer.from(stringifyJson(value)),
    headers: toHeaders({
      [headers.contentType]: contentType,
      [headers.version]: String(version),
      [headers.eventID]: eventID,
      [headers.requestID]: requestId,
      [headers.traceparent]: traceparent,
      [headers.tracestate]: tracestate,
      [headers.baggage]: baggage,
    }),
  };
}

/** Of a record, but for some tens of bytes of lengths and offsets. */
export function bytesOf({ key, value, headers }: KafkaMessage): number {
  let bytes = key.length + value.length;
  for (const [name, text] of headers) bytes += name.length + text.length;
  return bytes;
}

function toHeaders(texts: Readonly<Record<string, string | undefined>>): Map<Buffer, Buffer> {
  const given = Object.entries(texts).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Map(given.map(([name, text]) => [Buffer.from(name), Buffer.from(text)]));
}
