import { SpanKind } from '@opentelemetry/api';
import { orderEvents } from 'loms/contract.ts';
import { parseJson, storableText } from 'rpc-kit';
import { z } from 'zod';
import type { Origin } from '../domain/ports.ts';
import { continueOrigin } from '../event-origin.ts';
import type { Message } from './ports.ts';

export interface KafkaRecord {
  readonly offset: bigint;
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const INT64 = /^(0|-?[1-9]\d{0,18})$/;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
/** Of the reason in log lines and dead letters: enough to find the fault. */
const REASON_LENGTH_MAX = 1_000;

/** An event has less than 500 bytes. A value made to be slow takes 50 µs for each KiB. */
export const VALUE_BYTES_MAX = 8_192;

/** Decodes a record by loms's contract. Never throws: an unreadable record becomes a dead letter. */
export function readMessage(record: KafkaRecord): Message {
  const orderID = parseOrderID(record.key);
  return { ...record, orderID, content: readContent(record, orderID), ...originOf(record) };
}

function readContent({ value }: KafkaRecord, orderID: bigint | undefined): Message['content'] {
  if (value !== undefined && value.length > VALUE_BYTES_MAX) {
    return malformed(`its value has ${value.length} bytes, and an event has at most ${VALUE_BYTES_MAX}`);
  }
  const read = parseValue(value);
  if (read === undefined) return malformed('its value is not a JSON object');
  if (read.version !== orderEvents.version) {
    const named = typeof read.version === 'number' ? `version ${read.version}` : 'a version that is no number';
    return { reason: 'unknown_version', message: `${named} of the event is not known here` };
  }
  const decoded = z.safeDecode(orderEvents.schema, read as never);
  if (!decoded.success) {
    const issues = decoded.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return malformed(issues.join('; '));
  }
  const { version: _version, ...event } = decoded.data;
  if (orderID === undefined) return malformed('its key is not the id of an order');
  if (event.orderID !== orderID) return malformed(`its key names order ${orderID}, its value order ${event.orderID}`);
  return { event };
}

const malformed = (message: string) =>
  ({ reason: 'malformed', message: storableText(message, REASON_LENGTH_MAX) }) as const;

function parseValue(value: Buffer | undefined): Record<string, unknown> | undefined {
  if (value === undefined) return undefined;
  try {
    const read = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(value));
    return typeof read === 'object' && read !== null && !Array.isArray(read)
      ? (read as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function parseOrderID(key: Buffer | undefined): bigint | undefined {
  const text = key?.toString('latin1') ?? '';
  if (!INT64.test(text)) return undefined;
  const orderID = BigInt(text);
  return orderID >= INT64_MIN && orderID <= INT64_MAX ? orderID : undefined;
}

/** Continues the trace and the request id of the headers. */
function originOf({ offset, headers }: KafkaRecord): Origin {
  const { requestID, traceparent, tracestate } = orderEvents.headers;
  const carried = {
    requestID: headers[requestID],
    traceparent: headers[traceparent],
    tracestate: headers[tracestate],
  };
  const attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': orderEvents.topic,
    'messaging.kafka.offset': Number(offset),
  };
  return continueOrigin(carried, `process ${orderEvents.topic}`, { kind: SpanKind.CONSUMER, attributes });
}
