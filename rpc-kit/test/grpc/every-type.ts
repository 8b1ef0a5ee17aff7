import {
  defineService,
  idempotencyKey,
  int64,
  type ServiceContract,
  stream,
  text,
  timestamp,
  typeNames,
  uint16,
  uint32,
  uint64,
} from 'rpc-kit';
import { type ProtoLock, updateLock } from 'rpc-kit/grpc';
import { z } from 'zod';

/** A contract with every type that has a form in protobuf. */
const colour = z.enum(['dark blue', 'red']).register(typeNames, { name: 'Colour' });

const everything = {
  wide: int64,
  wideUnsigned: uint64,
  narrow: uint32,
  small: uint16,
  whole: z.int(),
  fraction: z.number(),
  flag: z.boolean(),
  name: z.string(),
  kind: z.literal('box'),
  version: z.literal(1),
  colour,
  madeAt: timestamp,
  inner: z.object({ orderID: int64, colours: z.array(colour), deeper: z.object({ note: z.string().optional() }) }),
};

const lists = {
  wides: z.array(int64),
  narrows: z.array(uint32),
  fractions: z.array(z.number()),
  flags: z.array(z.boolean()),
  names: z.array(z.string()),
  colours: z.array(colour),
  times: z.array(timestamp),
  parts: z.array(z.object({ sku: uint32, limit: uint16.default(20) })),
};

const optional = {
  maybeWide: int64.optional(),
  maybeNarrow: uint32.optional(),
  maybeFraction: z.number().optional(),
  maybeFlag: z.boolean().optional(),
  maybeName: text(20).optional(),
  maybeColour: colour.optional(),
  maybeAt: timestamp.optional(),
  maybeInner: z.object({ sku: uint32 }).optional(),
  limit: uint16.default(20),
  idempotencyKey: idempotencyKey.optional(),
};

const params = z.strictObject({ ...everything, ...lists, ...optional });

export const everyType = defineService(
  'every_type',
  {
    summary: 'Takes values of every type.',
    version: '1',
    events: {
      ThingMade: { summary: 'A thing was made.', schema: z.object({ version: z.literal(1), madeAt: timestamp }) },
    },
  },
  {
    send: {
      summary: 'Gives the values back.',
      params,
      result: z.object(params.shape),
      errors: { no_room: { code: 'failed_precondition', message: 'No room', details: z.object({ left: uint64 }) } },
      timeoutMs: 1_000,
      example: { params: {}, result: {} },
    },
    watch: {
      summary: 'Gives many values.',
      params: z.strictObject({}),
      result: stream(z.object({ seq: uint32 })),
      timeoutMs: 1_000,
      example: { params: {}, result: {} },
    },
    small_one: {
      summary: 'Does nothing.',
      params: z.strictObject({}),
      result: z.object({}),
      errors: { no_room: { code: 'aborted', message: 'No room' } },
      timeoutMs: 1_000,
      example: { params: {}, result: {} },
    },
  },
);

/** The first lock of a contract. */
export function lockOf(...contracts: readonly ServiceContract[]): ProtoLock {
  return updateLock({ package: 'example', services: {} }, contracts);
}
